// SPDX-License-Identifier: Apache-2.0

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

interface Row {
  name: string
  total: number
  calls: number
}

export interface Bars {
  /** Seconds since the epoch, oldest first. */
  times: number[]
  values: number[]
  calls: number[]
}

const hour = 3600
const day = 86_400

/** When an hour ("2026-11-21 08:00 +00:00") or a day ("2026-11-21", taken as UTC) begins, in seconds; NaN for neither. */
export function beginOf(name: string): number {
  const [date, time, zone] = name.split(' ')
  return Date.parse(time ? `${date}T${time}${zone ?? 'Z'}` : `${date}T00:00Z`) / 1000
}

/** A bar for each hour or day of the period, also for those without a call. The last one is the running one. */
export function barsOf(rows: Row[], period: Period, now: number): Bars {
  const step = period === '24h' ? hour : day
  const count = period === '24h' ? 24 : period === '7d' ? 7 : 30
  const known = rows.map((r) => ({ ...r, at: beginOf(r.name) })).filter((r) => !Number.isNaN(r.at))
  // Hours of a zone with half an hour begin where the house says that they begin.
  const offset = (known[0]?.at ?? 0) % step
  const last = Math.max(Math.floor((now / 1000 - offset) / step) * step + offset, ...known.map((r) => r.at))
  const times = Array.from({ length: count }, (_, i) => last - (count - 1 - i) * step)
  const at = (t: number) => known.find((r) => r.at === t)
  return { times, values: times.map((t) => at(t)?.total ?? 0), calls: times.map((t) => at(t)?.calls ?? 0) }
}

/** Whether a total is small beside the largest of its kind, for the length of its bar. */
export const shareOf = (value: number, all: number): number => (all > 0 ? value / all : 0)
