// SPDX-License-Identifier: Apache-2.0
// The hash of everything that a build reads (types and tests never reach it), in the order that surface/hub's Go test repeats:
// sorted paths, for each its path, a NUL, the SHA-256 of its bytes in hex, a newline.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const files = ['index.html', 'package.json', 'package-lock.json', 'tsconfig.json', 'vite.config.ts']
const folders = ['build', 'public', 'src']

export async function sourceHash() {
  const paths = [...files]
  for (const folder of folders) {
    for (const entry of await readdir(root + folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && !/\.(d|test)\.ts$/.test(entry.name)) paths.push(`${entry.parentPath}/${entry.name}`.slice(root.length))
    }
  }
  paths.sort((a, b) => (a < b ? -1 : 1))
  const sum = createHash('sha256')
  for (const path of paths) {
    const bytes = await readFile(root + path)
    sum.update(`${path}\0${createHash('sha256').update(bytes).digest('hex')}\n`)
  }
  return sum.digest('hex')
}
