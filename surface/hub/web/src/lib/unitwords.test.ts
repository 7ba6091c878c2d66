// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { cores, coresInWords, explain, explained, nextStart, readSpan } from './unitwords.ts'

const since = '2026-01-31T12:00:00Z'
const start = Date.parse(since)
const unit = (state: string, detail?: string) => ({ name: 'u', state, detail, since })

test('reads spans as Go writes them', () => {
  expect(readSpan('2.2s')).toBe(2_200)
  expect(readSpan('1m30s')).toBe(90_000)
  expect(readSpan('300ms')).toBe(300)
  expect(readSpan('soon')).toBeUndefined()
  expect(readSpan('')).toBeUndefined()
})

test('a unit that backs off says why, and counts down to its next start', () => {
  const u = unit('backing-off', 'exited with status 127; starts again in 1m30s')
  expect(nextStart(u)).toEqual(new Date(start + 90_000))
  expect(explain(u, start + 60_000)).toEqual({ why: 'Exited with status 127.', next: 'Starts again by itself in 30 s.' })
  expect(explain(u, start + 95_000)?.next).toBe('Starts again now.')
  expect(explain(unit('backing-off', 'exited'), start)?.next).toBe('It starts again by itself.')
})

test('what stands still says who decides', () => {
  expect(explained(unit('held', 'stopped by the operator'), start)).toBe('Stopped by the operator. Nothing starts it until you do.')
  expect(explained(unit('blocked', 'port 5300 is held by pid 7 (nc)'), start)).toMatch(/^Port 5300 is held by pid 7 \(nc\)\. It starts by itself/)
  expect(explained(unit('failed', 'exit status 1'), start)).toBe('Exit status 1. Its policy does not start it again; you can.')
  expect(explained(unit('starting'), start)).toBe('Not ready yet.')
})

test('a unit that is up needs no words, unless the house has some', () => {
  expect(explain(unit('ready'), start)).toBeUndefined()
  expect(explain(unit('running', 'adopted'), start)?.why).toBe('Adopted.')
  expect(explained(unit('a-state-of-tomorrow'), start)).toBe('')
})

test('names keep their letters', () => {
  expect(explain(unit('blocked', 'notes.backend is not declared'), start)?.why).toBe('notes.backend is not declared.')
})

test('cores are told as shares of one', () => {
  expect([0, 0.0004, 0.0123, 0.5, 1.49, NaN].map(cores)).toEqual(['0 %', '<0.1 %', '1.2 %', '50 %', '149 %', '0 %'])
})

test('a sum of cores is told in words', () => {
  expect([0.13, 1, 2.44, 176.6].map(coresInWords)).toEqual(['13 % of a core', '100 % of a core', '2.4 cores', '177 cores'])
})
