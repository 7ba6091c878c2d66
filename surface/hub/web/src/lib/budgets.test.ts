// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { addsUp, reportFile, amount, budgetTone, byScope, draftOfScope, emptyBudget, isSetHere, limitWords, quotaWords, setInput } from './budgets.ts'

test('limits are said in words', () => {
  expect(limitWords('tokens_per_day')).toBe('tokens a day')
  expect(limitWords('usd_per_month')).toBe('dollars a month')
  expect(amount('tokens_per_week', 1_234_567)).toBe('1,234,567')
  expect(amount('usd_per_day', 12.5)).toBe('$12.50')
  expect(amount('usd_per_day', 0.004)).toBe('<$0.01')
  expect(amount('usd_per_day', 0)).toBe('$0')
  expect(quotaWords('tokens_per_day', 2_000_000)).toBe('2,000,000 tokens a day')
  expect(quotaWords('usd_per_month', 20)).toBe('$20.00 a month')
})

test('rows stand by scope in their order', () => {
  const row = (scope: string, n: number) => ({ scope, n })
  expect(byScope([row('house', 1), row('key:a', 2), row('house', 3)])).toEqual([['house', [row('house', 1), row('house', 3)]], ['key:a', [row('key:a', 2)]]])
})

test('a budget warns before its end, and what is reserved counts', () => {
  expect(budgetTone({ quota: 100, counted: 10, reserved: 0 })).toBe('good')
  expect(budgetTone({ quota: 100, counted: 10, reserved: 65 })).toBe('warn')
  expect(budgetTone({ quota: 100, counted: 90, reserved: 10 })).toBe('bad')
  expect(budgetTone({ quota: 0, counted: 0, reserved: 0 })).toBe('bad')
})

test('a scope may have colons in its name', () => {
  expect(draftOfScope('house')).toMatchObject({ kind: 'house', name: '' })
  expect(draftOfScope('agent:a:b')).toMatchObject({ kind: 'agent', name: 'a:b' })
})

test('only what is written is set', () => {
  expect(setInput({ ...emptyBudget, limits: { tokens_per_day: '2,000 000', usd_per_month: '$.5' }, at: 'park' })).toEqual({ input: { scope: 'house', tokens_per_day: 2_000_000, usd_per_month: 0.5, at_limit: 'park' }, problems: [] })
  expect(setInput({ ...emptyBudget, limits: { tokens_per_day: '0' } }).input).toEqual({ scope: 'house', tokens_per_day: 0 })
})

test('problems name their field', () => {
  const fields = (draft: Parameters<typeof setInput>[0]) => setInput(draft).problems.map((p) => p.field)
  expect(fields({ ...emptyBudget, kind: 'key', limits: { tokens_per_day: '1.5', usd_per_day: 'x' } })).toEqual(['name', 'tokens_per_day', 'usd_per_day'])
  expect(fields(emptyBudget)).toEqual(['tokens_per_day'])
})

test('only what was set at run time can be taken away', () => {
  expect(isSetHere('tokens_per_day of `budget set house` by owner:terminal')).toBe(true)
  expect(isSetHere('budgets.limits.house.tokens_per_day of holdfast.yaml')).toBe(false)
})

const line = { scope: 'house', limit: 'tokens_per_day', quota: 100, activity: 70, archived: 20, counted: 50, reserved: 5, left: 45, percent: 50, reconciled: true, since: '', until: '', at_limit: 'refuse', setting: 's' }

test('a line of the report adds up, or is found not to', () => {
  expect(addsUp(line)).toBe(true)
  expect(addsUp({ ...line, archived: 19 })).toBe(false)
  expect(addsUp({ ...line, left: 46 })).toBe(false)
  expect(addsUp({ ...line, limit: 'usd_per_day', left: 45.000_000_1 })).toBe(true)
})

test('the report is a file', () => {
  expect(reportFile([line]).split('\r\n')[1]).toBe('house,tokens_per_day,100,70,20,50,5,45,50,true,,,refuse,s')
})
