// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { barsOf, beginOf, paceOf } from './burn.ts'

const now = Date.parse('2026-11-21T08:36:00Z')
const row = (name: string, total: number) => ({ name, total, calls: 1 })

test('a pace is of ten minutes', () => expect(paceOf(1000)).toEqual({ minute: 100, hour: 6000, day: 144_000 }))

test('hours and days have a beginning', () => {
  expect(beginOf('2026-11-21 08:00 +00:00')).toBe(Date.parse('2026-11-21T08:00:00Z') / 1000)
  expect(beginOf('2026-11-21 13:30 +05:30')).toBe(Date.parse('2026-11-21T08:00:00Z') / 1000)
  expect(beginOf('2026-11-21')).toBe(Date.parse('2026-11-21T00:00:00Z') / 1000)
  expect(beginOf('companion')).toBeNaN()
})

test('a day of hours has 24 bars, the running one last', () => {
  const bars = barsOf([row('2026-11-21 08:00 +00:00', 5), row('2026-11-20 09:00 +00:00', 7), row('2026-11-20 08:00 +00:00', 9)], '24h', now)
  expect(bars.times).toHaveLength(24)
  expect(bars.values.at(-1)).toBe(5)
  expect(bars.values[0]).toBe(7)
  expect(bars.values.reduce((a, b) => a + b)).toBe(12)
})

test('hours of a zone with half an hour stand where they begin', () => {
  const bars = barsOf([row('2026-11-21 13:30 +05:45', 5)], '24h', now)
  expect(bars.values.reduce((a, b) => a + b)).toBe(5)
  expect(bars.times.at(-1)! * 1000).toBeLessThanOrEqual(now)
})

test('days that are ahead of UTC are not lost', () => {
  const bars = barsOf([row('2026-11-22', 3), row('2026-11-21', 2)], '7d', now)
  expect(bars.times).toHaveLength(7)
  expect(bars.values.slice(-2)).toEqual([2, 3])
})

test('without rows there are bars of nothing', () => {
  expect(barsOf([], '30d', now).values).toEqual(Array.from({ length: 30 }, () => 0))
})
