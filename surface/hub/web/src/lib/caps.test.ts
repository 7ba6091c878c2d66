// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { capsCommand, capsDraft, capsInput, differences, resumeCommand, type Thresholds } from './caps.ts'

const lines: Thresholds = {
  hard_cap_per_hour: 15_000_000, hard_cap_per_day: 100_000_000, soft_cap_pct: 0.8, hard_cap_pct: 1, cooldown_hours: 4, notify_only: false, cut_streams: true, blind_seconds: 60,
  keys: { ci: { hard_cap_per_hour: 200_000, hard_cap_per_day: 0 } },
} as unknown as Thresholds

test('only what differs is sent, shares as shares', () => {
  const draft = { ...capsDraft('', lines), hard_cap_per_hour: '20,000,000', soft_cap_pct: '75', notify_only: true }
  const { input, problems } = capsInput(draft, lines)
  expect(problems).toEqual([])
  expect(input).toEqual({ hard_cap_per_hour: 20_000_000, soft_cap_pct: 0.75, notify_only: true })
  expect(capsCommand(input)).toBe('holdfast breaker thresholds set --hard-cap-per-hour 20000000 --soft-cap-pct 0.75 --notify-only=true')
})

test('a tenant or key has caps of its own alone, and an emptied one is lifted', () => {
  expect(capsDraft('key:ci', lines)).toMatchObject({ kind: 'key', name: 'ci', hard_cap_per_hour: '200000', hard_cap_per_day: '' })
  expect(capsInput({ ...capsDraft('key:ci', lines), hard_cap_per_hour: '' }, lines).input).toEqual({ scope: 'key:ci', hard_cap_per_hour: 0 })
  const fresh = capsInput({ ...capsDraft('', lines), kind: 'tenant', name: "o'neil", hard_cap_per_hour: '5000', hard_cap_per_day: '' }, lines)
  expect(fresh).toEqual({ input: { scope: "tenant:o'neil", hard_cap_per_hour: 5000 }, problems: [] })
  expect(capsCommand(fresh.input)).toBe(`holdfast breaker thresholds set --scope 'tenant:o'\\''neil' --hard-cap-per-hour 5000`)
})

test('what is wrong is said by its field', () => {
  const wrong = (more: object) => capsInput({ ...capsDraft('', lines), ...more }, lines).problems.map((p) => p.field)
  expect(wrong({})).toEqual(['hard_cap_per_hour'])
  expect(wrong({ hard_cap_per_day: 'much' })).toEqual(['hard_cap_per_day'])
  expect(wrong({ hard_cap_per_hour: '' })).toEqual(['hard_cap_per_hour'])
  expect(wrong({ kind: 'key', name: ' ', hard_cap_per_hour: '5' })).toEqual(['name'])
})

test('the owner resumes in a terminal', () => {
  expect(resumeCommand('', false)).toBe('holdfast breaker resume')
  expect(resumeCommand('key:ci', true)).toBe('holdfast breaker resume key:ci --force')
})

test('a change of the lines is told by what differs', () => {
  expect(differences({ old: lines, new: { ...lines, hard_cap_per_hour: 1_000, keys: { ci: { hard_cap_per_hour: 200_000, hard_cap_per_day: 9_000 } } } })).toEqual(['hard_cap_per_hour: 15,000,000 → 1,000', 'keys ci hard_cap_per_day: none → 9,000'])
  expect(differences(undefined)).toEqual([])
})
