// SPDX-License-Identifier: Apache-2.0
// A proxy between a browser and the house that writes down every request and what it was answered:
// a browser hides the answers that a page may not read, from tests too.
import http from 'node:http'
import net from 'node:net'

/** Starts the proxy; seen grows with every answered request. */
export async function record() {
  const seen = []
  const server = http.createServer((req, res) => {
    const to = new URL(req.url)
    const onward = http.request(to, { method: req.method, headers: req.headers, setHost: false }, (answer) => {
      seen.push({ method: req.method, url: to, site: req.headers['sec-fetch-site'], headers: req.headers, status: answer.statusCode, answered: answer.headers })
      res.writeHead(answer.statusCode, answer.rawHeaders)
      answer.pipe(res)
    })
    onward.on('error', () => res.destroy())
    res.on('close', () => onward.destroy())
    req.pipe(onward)
  })
  server.on('connect', (req, socket, head) => {
    const { hostname, port } = new URL(`http://${req.url}`)
    const onward = net.connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.write(head)
      onward.pipe(socket).pipe(onward)
    })
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  return { seen, proxy: { server: `http://127.0.0.1:${server.address().port}`, bypass: '<-loopback>' }, stop: () => { server.close(); server.closeAllConnections() } }
}
