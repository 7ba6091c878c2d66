// SPDX-License-Identifier: Apache-2.0
// Generates src/api/schema.d.ts from an OpenAPI 3.1 document: npm run gen -- path/to/openapi.json
import { readFile, writeFile } from 'node:fs/promises'
import openapiTS, { astToString } from 'openapi-typescript'

const [source] = process.argv.slice(2)
if (!source) {
  console.error('usage: npm run gen -- path/to/openapi.json')
  process.exit(2)
}
const document = JSON.parse(await readFile(source, 'utf8'))
const text = astToString(await openapiTS(document, { alphabetize: true }))
const head = '// SPDX-License-Identifier: Apache-2.0\n// Generated from the house\'s OpenAPI document by `npm run gen`. Do not edit.\n\n'
await writeFile(new URL('../src/api/schema.d.ts', import.meta.url), head + text)
console.log(`src/api/schema.d.ts: ${Object.keys(document.paths ?? {}).length} paths`)
