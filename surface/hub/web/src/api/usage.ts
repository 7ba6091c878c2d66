// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react'

import type { Output } from './client.ts'
import { useRead } from './house.ts'
import { useStream } from './live.tsx'
import type { StreamState } from '../lib/stream.ts'
import { extend, join, noSeries, type Series } from '../lib/spark.ts'

export type UsageEvent = Output<'unit.usage'>
export type UnitUsage = NonNullable<UsageEvent['units']>[number]

export interface Usage {
  /** When the last figures came, in seconds; 0 before the first. */
  now: number
  /** When the oldest that is kept was measured. */
  begin: number
  units: Map<string, UnitUsage>
  series: Map<string, Series>
  house: UsageEvent['house'] | undefined
  /** Why figures are missing, on a system that does not tell. */
  note: string
}

/** How far back the figures reach, and how far apart they are kept, in seconds. */
export const reach = 3_600
const pace = 10
/** How far back the small lines of the list reach: that much of the past is asked for at once. */
export const glance = 600

const nothing: Usage = { now: 0, begin: 0, units: new Map(), series: new Map(), house: undefined, note: '' }

const seconds = (at: string): number => Date.parse(at) / 1000

const read = (past: NonNullable<UnitUsage['series']>): Series => ({ at: (past.at ?? []).map(seconds), cpu: past.cpu ?? [], memory: past.memory ?? [] })

function take(old: Usage, events: UsageEvent[]): Usage {
  let { now, house, units, note } = old
  const series = new Map(old.series)
  for (const event of events) {
    now = seconds(event.at)
    house = event.house
    note = event.note ?? ''
    units = new Map((event.units ?? []).map((u) => [u.name, u]))
    for (const u of units.values()) {
      const past = u.series
      if (past?.at && past.at.length > 0) series.set(u.name, read(past))
      series.set(u.name, extend(series.get(u.name), now, u.cpu, u.memory, now - reach, pace))
    }
  }
  let begin = now
  for (const [name, { at }] of series) {
    if (!units.has(name)) series.delete(name)
    else begin = Math.min(begin, at[0] ?? now)
  }
  return { now, begin, units, series, house, note }
}

/** How far back a drawing reaches: as far as there are figures, at most so far, and never less than two minutes. */
export const back = (usage: Pick<Usage, 'now' | 'begin'>, most: number): number => Math.min(most, Math.max(120, usage.now - usage.begin))

/** Follows what the units use. */
export function useUsage(): { usage: Usage; state: StreamState } {
  const { value, state } = useStream<UsageEvent, Usage>(`/api/v1/unit/usage/follow?series=${glance}s`, take, nothing)
  return { usage: value, state }
}

/** How one unit went over the last hour: what was asked for when it was opened, and what came since. */
export function useHour(unit: string, usage: Usage): Series {
  const hour = useRead('unit.usage', { unit, series: `${reach}s` }).data?.units?.[0]?.series
  const newer = usage.series.get(unit) ?? noSeries
  return useMemo(() => join(hour ? read(hour) : noSeries, newer), [hour, newer])
}
