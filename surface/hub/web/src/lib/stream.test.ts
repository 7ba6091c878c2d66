// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { fits, isPast, mergeNewest, touchedBy, wholeWords } from './stream.ts'

const entries = (...sequences: number[]) => sequences.map((sequence) => ({ node: 'a', sequence, time: `2026-11-20T12:00:${10 + sequence}Z` }))

test('entries that a reconnected stream repeats are kept once, newest first', () => {
  expect(mergeNewest(entries(5, 4, 3), entries(4, 6, 5), 10)).toEqual(entries(6, 5, 4, 3))
})

test('entries of two nodes are told apart and ordered by time', () => {
  const other = { node: 'b', sequence: 4, time: '2026-11-20T12:00:13.5Z' }
  expect(mergeNewest(entries(4, 3), [other], 10)).toEqual([...entries(4), other, ...entries(3)])
})

const named = (node: string, sequence: number, time: string) => ({ node, sequence, time })
const order = (list: { node: string; sequence: number }[]) => list.map((e) => e.node + e.sequence).join(' ')

test('after the clock went back the newest entry stays on top', () => {
  const before = [named('a', 2, '2026-03-15T12:00:02Z'), named('a', 1, '2026-03-15T12:00:01Z')]
  const after = [named('a', 3, '2026-03-15T11:00:01Z'), named('a', 4, '1970-01-01T00:00:00Z')]
  expect(order(mergeNewest(before, after, 10))).toBe('a4 a3 a2 a1')
  expect(order(mergeNewest(before, after, 1))).toBe('a4')
})

test('time places nodes among each other, and no node hides another', () => {
  const days = ['a:2026-03-01', 'b:2026-03-02', 'a:2026-03-03', 'b:2026-03-04', 'a:1970-01-01', 'a:1970-01-02', 'b:2099-01-01', 'a:2026-03-06', 'b:2026-03-05', 'b:2026-03-07', 'a:1970-01-03']
  const count: Record<string, number> = {}
  const all = days.map((d) => {
    const [node = '', day] = d.split(':')
    return named(node, (count[node] = (count[node] ?? 0) + 1), `${day}T12:00:00Z`)
  })
  expect(order(mergeNewest(all.toReversed(), all.slice(3), 100).toReversed())).toBe('a1 b1 a2 a3 a4 b2 b3 b4 a5 a6 b5')
})

test('only what a stream repeats at first is past, not what an old clock says', () => {
  const [then, now] = [{ time: '2026-03-15T11:00:00Z' }, { time: '2026-03-15T12:00:00Z' }]
  const began = Date.parse(now.time)
  expect([isPast(0, then, began), isPast(0, now, began), isPast(1, then, began)]).toEqual([true, false, false])
})

test('the oldest entries fall off', () => {
  expect(mergeNewest(entries(3, 2, 1), entries(4), 3)).toEqual(entries(4, 3, 2))
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
