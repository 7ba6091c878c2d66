// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { bytes, dollars, isTime, nanoseconds, percent, plural, relative, short, span } from './format.ts'

test.each([
  [0, '0'], [999, '999'], [1000, '1k'], [12_345, '12.3k'], [99_949, '99.9k'], [99_950, '100k'], [123_456, '123k'],
  [999_949, '1M'], [4_200_000, '4.2M'], [15_000_000, '15M'], [2_500_000_000, '2.5G'], [-1500, '−1.5k'],
])('short(%d) is %s', (n, want) => expect(short(n)).toBe(want))

test.each([[0, '0 B'], [1023, '1023 B'], [1536, '1.5 KiB'], [1_048_576, '1 MiB'], [157_286_400, '150 MiB']])(
  'bytes(%d) is %s', (n, want) => expect(bytes(n)).toBe(want))

test.each([[0, '0 s'], [59, '59 s'], [61, '1 min 1 s'], [3600, '1 h'], [3725, '1 h 2 min'], [90_000, '1 d 1 h'], [900_000, '10 d']])(
  'span(%d) is %s', (n, want) => expect(span(n)).toBe(want))

test('nanoseconds keeps the scale that a person reads', () => {
  expect(nanoseconds(250_000)).toBe('250 µs')
  expect(nanoseconds(1_500_000)).toBe('1.5 ms')
  expect(nanoseconds(2_000_000_000)).toBe('2 s')
  expect(nanoseconds(90_000_000_000)).toBe('1 min 30 s')
})

test('relative speaks of the past and the future', () => {
  const now = Date.parse('2026-11-20T12:00:00Z')
  expect(relative(new Date(now - 1000), now)).toBe('now')
  expect(relative(new Date(now - 5000), now)).toBe('5 s ago')
  expect(relative(new Date(now - 185_000), now)).toBe('3 min ago')
  expect(relative(new Date(now + 7_200_000), now)).toBe('in 2 h')
})

test('an unknown cost is not a zero', () => {
  expect(dollars(null)).toBe('unknown')
  expect(dollars(0)).toBe('$0')
  expect(dollars(0.0123)).toBe('$0.0123')
  expect(dollars(12.5)).toBe('$12.50')
})

test('a share too small to round is still shown', () => {
  expect(percent(0.0001)).toBe('<1 %')
  expect(percent(0)).toBe('0 %')
  expect(percent(1.5)).toBe('150 %')
  expect(percent(1 / 0)).toBe('–')
})

test('the zero time of Go is none', () => {
  expect(isTime('0001-01-01T00:00:00Z')).toBe(false)
  expect(isTime('2026-11-20T12:00:00.123456789Z')).toBe(true)
  expect(isTime(undefined)).toBe(false)
})

test('plural', () => {
  expect(plural(1, 'unit')).toBe('1 unit')
  expect(plural(1200, 'category', 'categories')).toBe('1,200 categories')
})
