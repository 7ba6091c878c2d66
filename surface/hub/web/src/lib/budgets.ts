// SPDX-License-Identifier: Apache-2.0
import type { Input } from '../api/client.ts'
import { csvOf } from './csv.ts'
import { dollars, whole } from './format.ts'

export const limits = ['tokens_per_day', 'tokens_per_week', 'tokens_per_month', 'usd_per_day', 'usd_per_week', 'usd_per_month'] as const
export type Limit = (typeof limits)[number]

/** "tokens_per_day" → "tokens a day". */
export function limitWords(limit: string): string {
  const [unit, , period] = limit.split('_')
  return `${unit === 'usd' ? 'dollars' : 'tokens'} a ${period ?? 'period'}`
}

/** An amount in the unit of its limit. */
export const amount = (limit: string, n: number): string => (limit.startsWith('usd') ? (n !== 0 && Math.abs(n) < 0.01 ? '<$0.01' : dollars(n)) : whole(n))

/** A whole limit: "2,000,000 tokens a day", "$20.00 a month". */
export function quotaWords(limit: string, n: number): string {
  const period = limitWords(limit).replace(/^\w+ /, '')
  return `${amount(limit, n)} ${limit.startsWith('usd') ? '' : 'tokens '}${period}`
}

interface Scoped {
  scope: string
}

/** Rows by scope, in the order in which scopes come. */
export function byScope<T extends Scoped>(rows: T[]): [string, T[]][] {
  const groups = new Map<string, T[]>()
  for (const row of rows) groups.set(row.scope, [...(groups.get(row.scope) ?? []), row])
  return [...groups]
}

export type Tone = 'good' | 'warn' | 'bad'

/** How near a budget is to its end. What is reserved counts, for it may be spent. */
export function budgetTone(b: { quota: number; counted: number; reserved: number }): Tone {
  const used = b.counted + b.reserved
  if (used >= b.quota) return 'bad'
  return used >= 0.75 * b.quota ? 'warn' : 'good'
}

/** Whether `budget set` said it, so that `budget remove` can take it away. */
export const isSetHere = (setting: string): boolean => setting.includes('budget set')

export interface BudgetDraft {
  kind: 'house' | 'tenant' | 'agent' | 'key'
  name: string
  at: '' | 'refuse' | 'park'
  limits: Partial<Record<Limit, string>>
}

export const emptyBudget: BudgetDraft = { kind: 'house', name: '', at: '', limits: {} }

/** The draft of a scope such as "agent:companion". */
export function draftOfScope(scope: string): BudgetDraft {
  const at = scope.indexOf(':')
  const kind = at < 0 ? scope : scope.slice(0, at)
  return { ...emptyBudget, kind: kind as BudgetDraft['kind'], name: at < 0 ? '' : scope.slice(at + 1) }
}

export interface BudgetProblem {
  field: string
  message: string
}

/** The input that sets the budget, or what is wrong. Limits that are left empty stay as they are. */
export function setInput(draft: BudgetDraft): { input: Input<'budget.set'>; problems: BudgetProblem[] } {
  const problems: BudgetProblem[] = []
  const named = draft.kind !== 'house'
  if (named && draft.name.trim() === '') problems.push({ field: 'name', message: `which ${draft.kind}?` })
  const input: Input<'budget.set'> = { scope: named ? `${draft.kind}:${draft.name.trim()}` : 'house' }
  for (const limit of limits) {
    const text = (draft.limits[limit] ?? '').replace(/[\s,_$]/g, '')
    if (text === '') continue
    const money = limit.startsWith('usd')
    if (!(money ? /^\d*\.?\d+$/ : /^\d+$/).test(text)) problems.push({ field: limit, message: money ? 'dollars, such as 12.50' : 'a whole number of tokens' })
    else input[limit] = Number(text)
  }
  if (draft.at) input.at_limit = draft.at
  if (problems.length === 0 && Object.keys(input).length === 1) problems.push({ field: 'tokens_per_day', message: 'set at least one limit, or what is done at it' })
  return { input, problems }
}

interface ReportLine {
  scope: string
  limit: string
  quota: number
  activity: number
  archived: number
  counted: number
  reserved: number
  left: number
  percent: number
  reconciled: boolean
  since: string
  until: string
  at_limit: string
  setting: string
}

/** The report as a file, with the sums as the house gave them. */
export function reportFile(lines: ReportLine[]): string {
  const columns = ['scope', 'limit', 'quota', 'activity', 'archived', 'counted', 'reserved', 'left', 'percent', 'reconciled', 'since', 'until', 'at_limit', 'setting'] as const
  return csvOf([...columns], lines.map((l) => columns.map((c) => l[c])))
}

/** Whether a line adds up as it is read: activity without what was archived is counted; of the quota that and what is reserved leave the rest. */
export function addsUp(l: ReportLine): boolean {
  const near = l.limit.startsWith('usd') ? 1e-6 : 0.5
  return Math.abs(l.activity - l.archived - l.counted) < near && Math.abs(l.quota - l.counted - l.reserved - l.left) < near
}
