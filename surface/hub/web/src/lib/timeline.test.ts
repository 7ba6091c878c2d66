// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { marksOf, timeline, took } from './timeline.ts'

const started = '2026-11-21T12:00:00Z'
const at = (seconds: number) => Date.parse(started) + seconds * 1000

test('bars stand in the order in which they began', () => {
  const { bars, length } = timeline({
    started, seconds: 4, state: 'done', plan: [{ at: 0, seconds: 1 }, { at: 3, seconds: 1, error: 'cut' }],
    tools: [{ id: 'b', name: 'slow', at: 1, seconds: 2, status: 'done' }, { id: 'a', name: 'fast', at: 1, seconds: 0.5, status: 'failed' }],
  }, at(100))
  expect(bars.map((b) => [b.name, b.from, b.to, b.state])).toEqual([
    ['Model call 1', 0, 1, 'done'], ['fast', 1, 1.5, 'failed'], ['slow', 1, 3, 'done'], ['Model call 2', 3, 4, 'failed'],
  ])
  expect(length).toBe(4)
})

test('what is under way ends now', () => {
  const { bars, length } = timeline({ started, seconds: 2, state: 'running', plan: [{ at: 0, seconds: 1.5 }] }, at(10))
  expect(bars.at(-1)).toEqual({ key: 'now', name: 'Under way', from: 1.5, to: 10, state: 'running' })
  expect(length).toBe(10)
  const known = timeline({ started, seconds: 2, state: 'running', tools: [{ id: 'a', name: 'slow', at: 1, seconds: 0, status: 'running' }] }, at(10))
  expect(known.bars).toHaveLength(1)
  expect(known.bars[0]?.to).toBe(10)
})

test('a clock of the browser that is behind draws nothing backwards', () => {
  const { bars, length } = timeline({ started, seconds: 2, state: 'running', plan: [{ at: 0, seconds: 1.5 }] }, at(-500))
  expect(length).toBe(2)
  expect(bars.every((b) => b.to >= b.from)).toBe(true)
})

test('a trace without anything is a line', () => {
  expect(timeline({ started, seconds: 0, state: 'failed', plan: null, tools: null }, at(0))).toEqual({ bars: [], length: 0.001, marks: marksOf(0.001) })
})

test('marks are round, few and within', () => {
  expect(marksOf(10)).toEqual([2, 4, 6, 8])
  expect(marksOf(4.2)).toEqual([1, 2, 3])
  for (let length = 0.001; length < 5_000; length *= 1.37) {
    const marks = marksOf(length)
    expect(marks.length, String(length)).toBeGreaterThan(0)
    expect(marks.length, String(length)).toBeLessThan(6)
    expect(marks.every((m) => m > 0 && m < length)).toBe(true)
  }
})

test('seconds are said as people say them', () => {
  expect([0, 0.0042, 0.25, 1, 2.5, 12.34, 75, 119.9, 120].map(took)).toEqual(['0 ms', '4.2 ms', '250 ms', '1 s', '2.5 s', '12.3 s', '1 min 15 s', '2 min', '2 min'])
})
