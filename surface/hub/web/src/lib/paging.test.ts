// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { askFor, partOf } from './paging.ts'

test('a list is seen page by page', () => {
  const list = Array.from({ length: 23 }, (_, i) => i)
  expect(partOf(list, 0, 10)).toEqual({ rows: list.slice(0, 10), page: 0, pages: 3 })
  expect(partOf(list, 2, 10).rows).toEqual([20, 21, 22])
  expect(partOf(list, 9, 10).page).toBe(2)
  expect(partOf([], 0, 10)).toEqual({ rows: [], page: 0, pages: 1 })
})

test('only so much is asked for as is looked at', () => {
  expect(askFor(0, 50, 10_000)).toBe(500)
  expect(askFor(8, 50, 10_000)).toBe(500)
  expect(askFor(9, 50, 10_000)).toBe(1_000)
  expect(askFor(198, 50, 10_000)).toBe(10_000)
  expect(askFor(500, 50, 10_000)).toBe(10_000)
})
