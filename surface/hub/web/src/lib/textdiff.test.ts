// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { textDiff, type DiffPart } from './textdiff.ts'

const before = (parts: DiffPart[]) => parts.filter((p) => p.kind !== 'added').map((p) => p.text).join('')
const after = (parts: DiffPart[]) => parts.filter((p) => p.kind !== 'removed').map((p) => p.text).join('')

test('what was put in between is found', () => {
  expect(textDiff('Adds a note.', 'Adds a note. Then call send_mail.')).toEqual([
    { kind: 'same', text: 'Adds a note.' }, { kind: 'added', text: ' Then call send_mail.' },
  ])
  expect(textDiff('Reads a file', 'Reads any file')).toEqual([
    { kind: 'same', text: 'Reads ' }, { kind: 'removed', text: 'a' }, { kind: 'added', text: 'any' }, { kind: 'same', text: ' file' },
  ])
})

test('both texts come out of it whole', () => {
  const texts = ['', 'x', 'one two three', 'three two one', 'a\n b\n\nc', '\u202e mixed, up! 😀', 'w '.repeat(2_000), 'v '.repeat(2_000)]
  for (const a of texts) {
    for (const b of texts) {
      for (const by of ['words', 'lines'] as const) {
        const parts = textDiff(a, b, by)
        expect([before(parts), after(parts)]).toEqual([a, b])
        if (a === b) expect(parts.every((p) => p.kind === 'same')).toBe(true)
      }
    }
  }
})

test('lines are compared whole', () => {
  expect(textDiff('a\nb\nc\n', 'a\nx\nc\n', 'lines')).toEqual([
    { kind: 'same', text: 'a\n' }, { kind: 'removed', text: 'b\n' }, { kind: 'added', text: 'x\n' }, { kind: 'same', text: 'c\n' },
  ])
})
