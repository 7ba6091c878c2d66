// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { appendLast, fits, mergeNewest, touchedBy, wholeWords } from './stream.ts'

const entries = (...sequences: number[]) => sequences.map((sequence) => ({ node: 'a', sequence, time: `2026-11-20T12:00:${10 + sequence}Z` }))

test('entries that a reconnected stream repeats are kept once, newest first', () => {
  expect(mergeNewest(entries(5, 4, 3), entries(4, 6, 5), 10)).toEqual(entries(6, 5, 4, 3))
})

test('entries of two nodes are told apart and ordered by time', () => {
  const other = { node: 'b', sequence: 4, time: '2026-11-20T12:00:13.5Z' }
  expect(mergeNewest(entries(4, 3), [other], 10)).toEqual([...entries(4), other, ...entries(3)])
})

test('the oldest entries fall off', () => {
  expect(mergeNewest(entries(3, 2, 1), entries(4), 3)).toEqual(entries(4, 3, 2))
})

test('a log keeps its last lines', () => {
  expect(appendLast([1, 2, 3], [4, 5], 4)).toEqual([2, 3, 4, 5])
  expect(appendLast([], [1], 4)).toEqual([1])
})

test('an entry names the queries that it may have changed', () => {
  expect(touchedBy({ action: 'unit.restart', outcome: 'done' })).toEqual(['unit.list', 'unit.show', 'unit.history', 'house.status', 'journal.show'])
  expect(touchedBy({ action: 'extension.delete', outcome: 'noted' })).toContain('approval.list')
  expect(touchedBy({ action: 'nobody.knows', outcome: 'done' })).toEqual(['journal.show'])
})

test('whole words go to the house, parts of words are looked for here', () => {
  const entry = { action: 'unit.restart', caller: 'operator:local', outcome: 'done' }
  expect([...wholeWords([entry])].sort()).toEqual(['operator', 'operator:local', 'unit', 'unit.restart'])
  expect(fits(entry, { action: 'rest', caller: 'oper' })).toBe(true)
  expect(fits(entry, { action: 'rest', outcome: 'failed' })).toBe(false)
  expect(fits(entry, {})).toBe(true)
})
