// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { chainOf, secondsLeft, standingOf } from './models.ts'

const alias = (name: string, configured: string[], effective = '', actual = '') => ({ alias: name, configured, effective, actual })
const aliases = [alias('chat', ['a/one', 'b/two', 'fallback'], 'a/one'), alias('fallback', ['c/three', 'b/two'], 'c/three'), alias('compaction', ['chat'], 'b/two'), alias('own', [], '')]

test('a chain has each model once, and aliases stand for theirs', () => {
  expect(chainOf('chat', aliases)).toEqual(['a/one', 'b/two', 'c/three'])
  expect(chainOf('compaction', aliases)).toEqual(['a/one', 'b/two', 'c/three'])
  expect(chainOf('nobody', aliases)).toEqual(['nobody'])
})

test('aliases that name each other end', () => {
  const round = [alias('x', ['y', 'a/one']), alias('y', ['x'])]
  expect(chainOf('x', round)).toContain('a/one')
  expect(chainOf('x', [alias('x', ['x', 'a/one'])])).toEqual(['a/one'])
})

test('standing says whether the first of the chain answers', () => {
  expect(standingOf(aliases[0]!, aliases)).toEqual({ tone: 'good', text: 'as configured' })
  expect(standingOf(aliases[2]!, aliases)).toEqual({ tone: 'warn', text: 'falls back' })
  expect(standingOf(aliases[3]!, aliases)).toEqual({ tone: 'bad', text: 'all rest' })
})

test('time left is whole, rounded up, and never negative', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  expect(secondsLeft('2026-01-01T00:00:09.2Z', now)).toBe(10)
  expect(secondsLeft('2025-12-31T23:59:00Z', now)).toBe(0)
})
