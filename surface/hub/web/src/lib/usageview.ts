// SPDX-License-Identifier: Apache-2.0
import type { Input } from '../api/client.ts'
import { csvOf, dollarsExact } from './csv.ts'
import { asked, daysOf, isDay, lengthOf, type Days } from './span.ts'

/** What usage may be added up by. */
export const ways = ['day', 'hour', 'agent', 'model', 'key', 'tenant', 'source', 'provider', 'project', 'session'] as const
export type Way = (typeof ways)[number]

/** What it may be narrowed down to. */
export const filters = ['agent', 'model', 'key', 'tenant', 'source', 'provider', 'project', 'session'] as const
export type Filter = (typeof filters)[number]

export interface Question extends Days {
  by: Way
  only: Partial<Record<Filter, string>>
}

export type Search = { [key in Filter | 'from' | 'to' | 'by']?: string | undefined }

/** The question that an address asks; what it does not say is the last 30 days, by day. */
export function questionOf(search: Search, today: string): Question {
  const days = isDay(search.from) && isDay(search.to) ? { from: search.from, to: search.to } : daysOf('30d', today)
  const only: Question['only'] = {}
  for (const f of filters) if (search[f]) only[f] = search[f]
  return { ...days, by: ways.find((w) => w === search.by) ?? 'day', only }
}

/** Days and hours are a history; the rest are shares. */
export const isTimeline = (by: Way): boolean => by === 'day' || by === 'hour'

/** The input that asks it, added up by something. */
export const inputOf = (q: Question, by: Way): Input<'token.usage'> => ({ by, ...asked(q), ...narrowed(q.only) })

/** A model is named with its provider, but narrowed down to by its own name. */
function narrowed({ model, ...rest }: Question['only']): Partial<Record<Filter, string>> {
  if (!model) return rest
  const slash = model.indexOf('/')
  return slash < 0 ? { ...rest, model } : { provider: model.slice(0, slash), ...rest, model: model.slice(slash + 1) }
}

/** How a history of the span is best drawn: short ones by hour. */
export const drawnBy = (q: Question): 'day' | 'hour' => (q.by === 'hour' || (q.by !== 'day' && lengthOf(q) <= 2) ? (lengthOf(q) <= 31 ? 'hour' : 'day') : 'day')

interface Row {
  name: string
  calls: number
  estimated: number
  input: number
  cached_read: number
  cache_write: number
  output: number
  reasoning: number
  total: number
  cost_nano: number
  unpriced: number
}

/** The rows as a file; numbers are exact, and a cost that nobody knows is empty. */
export const usageFile = (by: Way, rows: Row[]): string =>
  csvOf(
    [by, 'calls', 'estimated', 'input', 'cached_read', 'cache_write', 'output', 'reasoning', 'total', 'cost_usd', 'unpriced_calls'],
    rows.map((r) => [r.name, r.calls, r.estimated, r.input, r.cached_read, r.cache_write, r.output, r.reasoning, r.total, r.unpriced > 0 && r.unpriced === r.calls ? '' : dollarsExact(r.cost_nano), r.unpriced]),
  )

export const columns = ['name', 'calls', 'input', 'cached_read', 'cache_write', 'output', 'reasoning', 'total', 'cost_nano'] as const
export type Column = (typeof columns)[number]

/** Rows by a column: numbers the largest first, names as they read. */
export function sortRows<T extends Row>(rows: T[], by: Column, up: boolean): T[] {
  const sign = up ? 1 : -1
  return rows.toSorted((a, b) => sign * (by === 'name' ? a.name.localeCompare(b.name) : a[by] - b[by]))
}
