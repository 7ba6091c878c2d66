// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { drawnBy, inputOf, questionOf, sortRows, usageFile } from './usageview.ts'

const today = '2026-11-21'
const row = { name: 'a', calls: 2, estimated: 1, input: 10, cached_read: 20, cache_write: 3, output: 5, reasoning: 2, total: 38, cost_nano: 1_250_000_000, unpriced: 0 }

test('an address asks a question, and what is wrong in it is left out', () => {
  expect(questionOf({}, today)).toEqual({ from: '2026-10-23', to: today, by: 'day', only: {} })
  expect(questionOf({ from: '2026-01-01', to: '2026-01-31', by: 'agent', key: 'phone' }, today)).toEqual({ from: '2026-01-01', to: '2026-01-31', by: 'agent', only: { key: 'phone' } })
  expect(questionOf({ from: 'x', to: '2026-01-31', by: 'moon' }, today)).toMatchObject({ to: today, by: 'day' })
})

test('the last day is a whole one, and a model is asked for by provider and name', () => {
  const q = questionOf({ from: '2026-01-31', to: '2026-01-31', model: 'openrouter/qwen/qwen3' }, today)
  expect(inputOf(q, 'agent')).toEqual({ by: 'agent', since: '2026-01-31', until: '2026-02-01', provider: 'openrouter', model: 'qwen/qwen3' })
  expect(inputOf({ ...q, only: { model: 'plain' } }, 'day')).toMatchObject({ model: 'plain' })
})

test('a short span is drawn by hour, a long one by day', () => {
  const q = (by: 'agent' | 'day' | 'hour', from: string) => drawnBy({ by, from, to: today, only: {} })
  expect([q('agent', today), q('agent', '2026-11-01'), q('day', today), q('hour', '2026-11-01'), q('hour', '2026-01-01')]).toEqual(['hour', 'day', 'day', 'hour', 'day'])
})

test('a file has exact sums and no cost where none is known', () => {
  const [head, one, two] = usageFile('agent', [row, { ...row, name: '', unpriced: 2, cost_nano: 0 }]).split('\r\n')
  expect(head).toBe('agent,calls,estimated,input,cached_read,cache_write,output,reasoning,total,cost_usd,unpriced_calls')
  expect(one).toBe('a,2,1,10,20,3,5,2,38,1.25,0')
  expect(two).toBe(',2,1,10,20,3,5,2,38,,2')
})

test('rows are sorted by a column', () => {
  const rows = [row, { ...row, name: 'b', total: 99 }]
  expect(sortRows(rows, 'total', false)[0]!.name).toBe('b')
  expect(sortRows(rows, 'name', true)[0]!.name).toBe('a')
})
