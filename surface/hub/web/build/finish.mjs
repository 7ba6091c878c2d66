// SPDX-License-Identifier: Apache-2.0
// After vite build: weighs the first load, removes the build's own manifest, records the source.
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { sourceHash } from './source.mjs'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))
const limit = 200 * 1024

const weigh = async (file) => {
  const bytes = await readFile(dist + file)
  return /\.(woff2|png)$/.test(file) ? bytes.length : gzipSync(bytes, { level: 9 }).length
}

/** The files that a browser fetches for an entry of the manifest and all that it imports. */
function reach(manifest, key, into = new Set()) {
  const chunk = manifest[key]
  if (!chunk || into.has(chunk.file)) return into
  into.add(chunk.file)
  for (const file of [...(chunk.css ?? []), ...(chunk.assets ?? [])]) into.add(file)
  for (const next of chunk.imports ?? []) reach(manifest, next, into)
  return into
}

const manifest = JSON.parse(await readFile(dist + '.vite/manifest.json', 'utf8'))
const first = new Set(['index.html', 'theme.js', 'favicon.svg'])
for (const key of ['index.html', 'src/pages/overview.tsx']) reach(manifest, key, first)
let total = 0
for (const file of first) total += await weigh(file)

await rm(dist + '.vite', { recursive: true })
const fontLicence = await readFile(new URL('../node_modules/@fontsource-variable/geist/LICENSE', import.meta.url), 'utf8')
await appendFile(dist + 'licenses.md', `\n## @fontsource-variable/geist\n\n${fontLicence.trim()}\n`)
await writeFile(dist + '.source-sha256', (await sourceHash()) + '\n')

for (const file of (await readdir(dist + 'assets')).sort()) {
  const mark = first.has(`assets/${file}`) ? '*' : ' '
  console.log(`${mark} ${String(await weigh(`assets/${file}`)).padStart(7)} B  ${file}`)
}
console.log(`first load (*, index.html, theme, icon): ${(total / 1024).toFixed(1)} KiB compressed, limit ${limit / 1024} KiB`)
if (total > limit) {
  console.error('cannot accept the build: its first load is over the limit')
  process.exit(1)
}
