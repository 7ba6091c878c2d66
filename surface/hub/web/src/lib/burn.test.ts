// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { barsOf, barsUntil, beginOf, paceOf } from './burn.ts'
import { noTokens } from './stack.ts'

const now = Date.parse('2026-11-21T08:36:00Z')
const row = (name: string, total: number) => ({ ...noTokens, name, total, calls: 1 })

test('a pace is of ten minutes', () => expect(paceOf(1000)).toEqual({ minute: 100, hour: 6000, day: 144_000 }))

test('hours and days have a beginning', () => {
  expect(beginOf('2026-11-21 08:00 +00:00')).toBe(Date.parse('2026-11-21T08:00:00Z') / 1000)
  expect(beginOf('2026-11-21 13:30 +05:30')).toBe(Date.parse('2026-11-21T08:00:00Z') / 1000)
  expect(beginOf('2026-11-21')).toBe(Date.parse('2026-11-21T00:00:00Z') / 1000)
  expect(beginOf('companion')).toBeNaN()
})

const totals = (bars: { total: number }[]) => bars.map((b) => b.total)
const sum = (bars: { total: number }[]) => totals(bars).reduce((a, b) => a + b, 0)

test('a day of hours has 24 bars, the running one last', () => {
  const bars = barsUntil([row('2026-11-21 08:00 +00:00', 5), row('2026-11-20 09:00 +00:00', 7), row('2026-11-20 08:00 +00:00', 9)], '24h', now)
  expect(bars).toHaveLength(24)
  expect(bars.at(-1)).toMatchObject({ total: 5, at: Date.parse('2026-11-21T08:00:00Z') / 1000 })
  expect(bars[0]!.total).toBe(7)
  expect(sum(bars)).toBe(12)
})

test('hours of a zone with half an hour stand where they begin', () => {
  const bars = barsUntil([row('2026-11-21 13:30 +05:45', 5)], '24h', now)
  expect(sum(bars)).toBe(5)
  expect(bars.at(-1)!.at * 1000).toBeLessThanOrEqual(now)
})

test('days that are ahead of UTC are not lost', () => {
  const bars = barsUntil([row('2026-11-22', 3), row('2026-11-21', 2)], '7d', now)
  expect(bars).toHaveLength(7)
  expect(totals(bars).slice(-2)).toEqual([2, 3])
})

test('without rows there are bars of nothing', () => {
  expect(totals(barsUntil([], '30d', now))).toEqual(Array.from({ length: 30 }, () => 0))
})

test('a span has a bar for each of its days, and no other', () => {
  const day = (text: string) => Date.parse(text) / 1000
  const bars = barsOf([row('2026-11-02', 4)], true, day('2026-11-01'), day('2026-11-03'))
  expect(totals(bars)).toEqual([0, 4, 0])
  expect(bars[0]!.at).toBe(day('2026-11-01'))
})
