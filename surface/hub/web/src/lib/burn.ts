// SPDX-License-Identifier: Apache-2.0
import { noTokens, type Bar, type Counted } from './stack.ts'

/** How far back the burn's recent part reaches, in minutes; the house's own measure. */
const recentMinutes = 10

export interface Pace {
  /** Tokens a minute, of the last ten minutes. */
  minute: number
  /** What that makes in an hour, and in a day. */
  hour: number
  day: number
}

export const paceOf = (recent: number): Pace => {
  const minute = recent / recentMinutes
  return { minute, hour: minute * 60, day: minute * 1440 }
}

export type Period = '24h' | '7d' | '30d'

interface Row extends Counted {
  name: string
}

const hour = 3600
const day = 86_400

/** When an hour ("2026-11-21 08:00 +00:00") or a day ("2026-11-21", taken as UTC) begins, in seconds; NaN for neither. */
export function beginOf(name: string): number {
  const [date, time, zone] = name.split(' ')
  return Date.parse(time ? `${date}T${time}${zone ?? 'Z'}` : `${date}T00:00Z`) / 1000
}

/** How long a bar is, in seconds. */
export const stepOf = (byDay: boolean): number => (byDay ? day : hour)

/** A bar for each hour or day from the first to the last, also for those without a call. Both in seconds; hours of a zone with half an hour begin where the house says that they begin. */
export function barsOf(rows: Row[], byDay: boolean, first: number, last: number): Bar[] {
  const step = stepOf(byDay)
  const known = new Map<number, Bar>()
  for (const row of rows) {
    const at = beginOf(row.name)
    if (!Number.isNaN(at)) known.set(at, { ...row, at })
  }
  const offset = ([...known.keys()][0] ?? 0) % step
  const begin = Math.floor((first - offset) / step) * step + offset
  const end = Math.max(last, ...known.keys())
  const bars: Bar[] = []
  for (let at = Math.min(begin, ...known.keys()); at <= end; at += step) bars.push(known.get(at) ?? { ...noTokens, at })
  return bars
}

/** The bars of a period that ends now; the last one is the running one. */
export function barsUntil(rows: Row[], period: Period, now: number): Bar[] {
  const byDay = period !== '24h'
  const count = period === '24h' ? 24 : period === '7d' ? 7 : 30
  return barsOf(rows, byDay, now / 1000 - (count - 1) * stepOf(byDay), now / 1000).slice(-count)
}

/** Whether a total is small beside the largest of its kind, for the length of its bar. */
export const shareOf = (value: number, all: number): number => (all > 0 ? value / all : 0)
