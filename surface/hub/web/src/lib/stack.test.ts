// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest'

import { everyOf, noTokens, partsOf, projectedOf, scaleOf } from './stack.ts'

test('the classes of a row add up to its total', () => {
  const row = { input: 100, cached_read: 1_000, cache_write: 50, output: 300, reasoning: 120, total: 1_450, calls: 1 }
  const parts = partsOf(row)
  expect(parts).toMatchObject({ output: 180, reasoning: 120 })
  expect(Object.values(parts).reduce((a, b) => a + b)).toBe(row.total)
  expect(partsOf({ ...row, output: 10, reasoning: 40 })).toMatchObject({ output: 0, reasoning: 10 })
})

describe('a scale', () => {
  test('holds every bar and has round marks', () => {
    const { top, marks, reached } = scaleOf(3_210_000, 0)
    expect(top).toBeGreaterThanOrEqual(3_210_000)
    expect(marks).toEqual([0, 1e6, 2e6, 3e6, 4e6])
    expect(reached).toBe(false)
  })
  test('reaches up to a cap that is near, and not to one far above', () => {
    expect(scaleOf(4_000_000, 15_000_000)).toMatchObject({ reached: true, top: 20_000_000 })
    expect(scaleOf(40_000, 15_000_000)).toMatchObject({ reached: false })
    expect(scaleOf(40_000, 15_000_000).top).toBeLessThan(100_000)
    expect(scaleOf(20_000_000, 15_000_000).top).toBeGreaterThan(20_000_000)
  })
  test('stands without a bar', () => {
    expect(scaleOf(0, 100).top).toBeGreaterThanOrEqual(10)
  })
})

test('a running hour comes to what it has and what its pace adds', () => {
  const bar = { ...noTokens, at: 3_600, total: 1_000 }
  expect(projectedOf(bar, 3_600, 100, 5_400_000)).toBe(1_000 + 30 * 100)
  expect(projectedOf(bar, 3_600, 100, 9_000_000)).toBe(1_000)
})

test('names stand as near as there is room', () => {
  expect(everyOf(24, 1_200, 50)).toBe(1)
  expect(everyOf(24, 300, 50)).toBe(4)
  expect(everyOf(1_000, 300, 50)).toBe(168)
})
