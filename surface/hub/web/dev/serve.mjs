// SPDX-License-Identifier: Apache-2.0
// Serves the built dist with the pretended house behind it: npm run fixture [-- port]
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { answerHub } from './api.mjs'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' }
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

const server = createServer(async (req, res) => {
  if (await answerHub(req, res)) return
  const path = new URL(req.url, 'http://fixture').pathname
  const file = extname(path) === '' ? 'index.html' : path.slice(1)
  try {
    const bytes = await readFile(dist + file)
    res.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'text/plain', 'Content-Security-Policy': policy })
    res.end(bytes)
  } catch {
    res.writeHead(404).end('not found')
  }
})
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
