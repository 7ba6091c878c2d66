// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { asked, daysOf, isDay, lengthOf, spanProblem, todayIn } from './span.ts'

test('presets end where they say', () => {
  expect(daysOf('today', '2026-03-01')).toEqual({ from: '2026-03-01', to: '2026-03-01' })
  expect(daysOf('7d', '2026-03-01')).toEqual({ from: '2026-02-23', to: '2026-03-01' })
  expect(daysOf('month', '2026-03-31')).toEqual({ from: '2026-03-01', to: '2026-03-31' })
  expect(daysOf('before', '2026-01-31')).toEqual({ from: '2025-12-01', to: '2025-12-31' })
  expect(lengthOf(daysOf('30d', '2026-03-01'))).toBe(30)
})

test('the ledger is asked until the end of the last day', () => {
  expect(asked({ from: '2026-02-27', to: '2026-02-28' })).toEqual({ since: '2026-02-27', until: '2026-03-01' })
})

test('what is no span is said', () => {
  expect(spanProblem({ from: '2026-02-02', to: '2026-02-01' })).toContain('before')
  expect(spanProblem({ from: '', to: '2026-02-01' })).toContain('both')
  expect(spanProblem({ from: '1990-01-01', to: '2026-02-01' })).toContain('ten years')
  expect(spanProblem({ from: '2026-02-01', to: '2026-02-01' })).toBe('')
  expect(['2026-02-30', 'x', undefined, '2026-2-1'].some(isDay)).toBe(false)
})

test('the day is the house\'s', () => {
  const now = Date.parse('2026-03-01T23:30:00Z')
  expect(todayIn('UTC', now)).toBe('2026-03-01')
  expect(todayIn('Asia/Tokyo', now)).toBe('2026-03-02')
  expect(todayIn('No/Where', now)).toBe('2026-03-01')
})
