// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { extend, join, scaleTop, since, sparkPath } from './spark.ts'

test('a series lets go of what is too old, and of what is not newer', () => {
  let s = extend(undefined, 10, 0.5, 100, 0, 2)
  s = extend(s, 12, 0.6, 110, 0, 2)
  expect(extend(s, 12, 9, 9, 0, 2)).toBe(s)
  s = extend(s, 14, 0.7, 120, 12, 2)
  expect(s).toEqual({ at: [12, 14], cpu: [0.6, 0.7], memory: [110, 120] })
  expect(extend(s, 99, 1, 1, 98, 2).at).toEqual([99])
  expect(extend({ at: [10, 12, 14], cpu: [1, 2, 3], memory: [4, 5, 6] }, 13, 7, 8, 0, 2)).toEqual({ at: [10, 12, 13], cpu: [1, 2, 7], memory: [4, 5, 8] })
})

test('points stand apart, and the newest is always there', () => {
  let s = extend(undefined, 0, 0, 0, 0, 10)
  for (let t = 2; t <= 31; t += 2) s = extend(s, t, t, t, 0, 10)
  expect(s.at.at(-1)).toBe(30)
  expect(s.at.length).toBeLessThanOrEqual(5)
  expect(s.cpu).toEqual(s.at)
  let hour = extend(undefined, 0, 0, 0, 0, 10)
  for (let t = 2; t <= 7_200; t += 2) hour = extend(hour, t, 0, 0, t - 3_600, 10)
  expect(hour.at.length).toBeLessThan(370)
})

test('a part of a series begins where it is asked to', () => {
  const s = { at: [1, 2, 3], cpu: [4, 5, 6], memory: [7, 8, 9] }
  expect(since(s, 2)).toEqual({ at: [2, 3], cpu: [5, 6], memory: [8, 9] })
  expect(since(s, 0)).toBe(s)
  expect(since(s, 9).at).toEqual([])
})

test('an older series is continued by a newer one, without a point twice', () => {
  const older = { at: [1, 2, 3], cpu: [4, 5, 6], memory: [7, 8, 9] }
  const newer = { at: [3, 4], cpu: [60, 61], memory: [90, 91] }
  const none = { at: [], cpu: [], memory: [] }
  expect(join(older, newer)).toEqual({ at: [1, 2, 3, 4], cpu: [4, 5, 60, 61], memory: [7, 8, 90, 91] })
  expect(join(older, none)).toEqual(older)
  expect(join(none, newer)).toEqual(newer)
  expect(join(older, { at: [9], cpu: [9], memory: [9] }).at).toEqual([1, 2, 3, 9])
})

test('a scale leaves air above the highest value and is not blown up by noise', () => {
  expect(scaleTop([0.001, 0.002], 0.05)).toBe(0.05)
  expect(scaleTop([1, 2], 0.05)).toBeCloseTo(2.2)
  expect(scaleTop([], 1)).toBe(1)
})

test('points are placed by their time and their share of the top', () => {
  const { line, area } = sparkPath([0, 5, 10], [0, 1, 2], 0, 10, 2, 100, 22)
  expect(line).toBe('M0 21L50 11L100 1')
  expect(area).toBe('M0 21L50 11L100 1L100 22L0 22Z')
})

test('values beyond the top stay inside, and too few points draw nothing', () => {
  expect(sparkPath([0, 10], [5, -5], 0, 10, 2, 10, 12).line).toBe('M0 1L10 11')
  expect(sparkPath([5], [1], 0, 10, 2, 10, 12).line).toBe('')
  expect(sparkPath([0, 10], [1, NaN], 0, 10, 2, 10, 12).line).toBe('')
  expect(sparkPath([0, 5, 10], [1, 1, 1], 4, 10, 0, 10, 12).line).toBe('M1.7 11L10 11')
})
