// SPDX-License-Identifier: Apache-2.0

/** A span of whole days of the house, both included, each as "2026-11-21". */
export interface Days {
  from: string
  to: string
}

const day = 86_400_000

export const isDay = (text: string | undefined): text is string => !!text && /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text)

/** The day that lies so many days from another. */
export const dayFrom = (text: string, days: number): string => new Date(Date.parse(text) + days * day).toISOString().slice(0, 10)

export const presets = [
  { value: 'today', text: 'Today' }, { value: '7d', text: '7 days' }, { value: '30d', text: '30 days' }, { value: 'month', text: 'This month' }, { value: 'before', text: 'Last month' },
] as const

export type Preset = (typeof presets)[number]['value']

/** The days of a preset, when it is that day today. */
export function daysOf(preset: Preset, today: string): Days {
  const first = today.slice(0, 8) + '01'
  switch (preset) {
    case 'today': return { from: today, to: today }
    case '7d': return { from: dayFrom(today, -6), to: today }
    case '30d': return { from: dayFrom(today, -29), to: today }
    case 'month': return { from: first, to: today }
    case 'before': return { from: dayFrom(first, -1).slice(0, 8) + '01', to: dayFrom(first, -1) }
  }
}

/** How many days a span has. */
export const lengthOf = ({ from, to }: Days): number => Math.round((Date.parse(to) - Date.parse(from)) / day) + 1

/** What is wrong with a span; empty where nothing is. */
export function spanProblem({ from, to }: Days): string {
  if (!isDay(from) || !isDay(to)) return 'give both days'
  if (from > to) return 'it ends before it begins'
  return lengthOf({ from, to }) > 3_660 ? 'at most ten years' : ''
}

/** The span as the ledger takes it: until is where it ends, not its last day. */
export const asked = ({ from, to }: Days): { since: string; until: string } => ({ since: from, until: dayFrom(to, 1) })

/** The day it is in a time zone. */
export function todayIn(zone: string | undefined, now: number): string {
  try {
    return new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(now)
  } catch {
    return new Date(now).toISOString().slice(0, 10)
  }
}
