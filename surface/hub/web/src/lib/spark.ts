// SPDX-License-Identifier: Apache-2.0

/** How a figure went: its points, oldest first. */
export interface Series {
  at: number[]
  cpu: number[]
  memory: number[]
}

export const noSeries: Series = { at: [], cpu: [], memory: [] }

/**
 * Adds a point and lets go of those before from. Points stand at least pace apart, but the newest is
 * always there. A second point of the same time is none; after the clock went back, those of its future go.
 */
export function extend(series: Series | undefined, at: number, cpu: number, memory: number, from: number, pace: number): Series {
  const all = series ?? noSeries
  const old = all.at.some((t) => t > at) ? { at: all.at.filter((t) => t < at), cpu: all.cpu.filter((_, i) => all.at[i]! < at), memory: all.memory.filter((_, i) => all.at[i]! < at) } : all
  const last = old.at.length - 1
  if (at === old.at[last]) return old
  const dense = last >= 1 && old.at[last]! - old.at[last - 1]! < pace
  const first = old.at.findIndex((t) => t >= from)
  const keep = <T,>(list: T[]) => (first < 0 ? [] : list.slice(first, dense ? -1 : undefined))
  return { at: [...keep(old.at), at], cpu: [...keep(old.cpu), cpu], memory: [...keep(old.memory), memory] }
}

/** Two series as one: of the older all that lies before the newer begins. */
export function join(older: Series, newer: Series): Series {
  const begin = newer.at[0]
  const end = begin === undefined ? -1 : older.at.findIndex((t) => t >= begin)
  const both = (a: number[], b: number[]) => [...(end < 0 ? a : a.slice(0, end)), ...b]
  return { at: both(older.at, newer.at), cpu: both(older.cpu, newer.cpu), memory: both(older.memory, newer.memory) }
}

/** The part of a series from a time on. */
export function since(series: Series, from: number): Series {
  const first = series.at.findIndex((t) => t >= from)
  return first <= 0 ? (first === 0 ? series : noSeries) : { at: series.at.slice(first), cpu: series.cpu.slice(first), memory: series.memory.slice(first) }
}

/** The top of a scale: the highest value with some air, and never less than what deserves a look. */
export function scaleTop(values: number[], least: number): number {
  let top = least
  for (const v of values) if (v > top) top = v
  return top > least ? top * 1.1 : least
}

export interface SparkPath {
  line: string
  area: string
}

/**
 * A line through the points within width × height, on the time axis from from to to, so that a gap
 * in the figures stays a gap in the drawing. Fewer than two points draw nothing.
 */
export function sparkPath(at: number[], values: number[], from: number, to: number, top: number, width: number, height: number): SparkPath {
  const points: [number, number][] = []
  for (let i = 0; i < values.length; i++) {
    const t = at[i]!
    if (t < from || t > to || !Number.isFinite(values[i])) continue
    const x = to > from ? ((t - from) / (to - from)) * width : width
    const share = top > 0 ? Math.min(1, Math.max(0, values[i]! / top)) : 0
    points.push([Math.round(x * 10) / 10, Math.round((height - 1 - share * (height - 2)) * 10) / 10])
  }
  const [first, last] = [points[0], points.at(-1)]
  if (!first || !last || points.length < 2) return { line: '', area: '' }
  const line = 'M' + points.map(([x, y]) => `${x} ${y}`).join('L')
  return { line, area: `${line}L${last[0]} ${height}L${first[0]} ${height}Z` }
}
