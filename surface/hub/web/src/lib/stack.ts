// SPDX-License-Identifier: Apache-2.0

/** The classes of tokens that a total is made of, in the order in which they are stacked, from below. */
export const classes = [
  { key: 'input', text: 'input' },
  { key: 'cached_read', text: 'cached read' },
  { key: 'cache_write', text: 'cache write' },
  { key: 'output', text: 'output' },
  { key: 'reasoning', text: 'reasoning' },
] as const

export type Class = (typeof classes)[number]['key']

/** What the ledger adds up. Reasoning is a part of output there. */
export interface Counted {
  input: number
  cached_read: number
  cache_write: number
  output: number
  reasoning: number
  total: number
  calls: number
}

/** A row's tokens by class, so that their sum is its total: output is what is not reasoning. */
export function partsOf(row: Counted): Record<Class, number> {
  const reasoning = Math.min(row.reasoning, row.output)
  return { input: row.input, cached_read: row.cached_read, cache_write: row.cache_write, output: row.output - reasoning, reasoning }
}

/** One bar: when it begins, in seconds, and what was burned. */
export interface Bar extends Counted {
  at: number
}

export const noTokens: Counted = { input: 0, cached_read: 0, cache_write: 0, output: 0, reasoning: 0, total: 0, calls: 0 }

export interface Scale {
  top: number
  marks: number[]
  /** The cap is within the scale; else it is far above every bar. */
  reached: boolean
}

/** How many times the highest bar a cap may be before the scale no longer reaches up to it. */
const farAbove = 4

/** A scale of round numbers that holds every bar, and the cap where that leaves the bars readable. */
export function scaleOf(highest: number, cap: number): Scale {
  const reached = cap > 0 && cap <= Math.max(highest, 1) * farAbove
  const need = Math.max(10, highest, reached ? cap : 0)
  const rough = need / 4
  const size = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map((n) => n * size).find((s) => s >= rough) ?? rough
  const count = Math.ceil((need * 1.02) / step)
  return { top: count * step, marks: Array.from({ length: count + 1 }, (_, i) => i * step), reached }
}

/** What the running bar comes to at its end at a pace of tokens a minute; never less than it has. */
export const projectedOf = (bar: Bar, step: number, pace: number, now: number): number =>
  bar.total + Math.max(0, (bar.at + step - now / 1000) / 60) * pace

/** Every how many bars there is room for a name. */
export const everyOf = (count: number, width: number, room: number): number => {
  const fit = Math.max(1, Math.floor(width / room))
  return [1, 2, 3, 4, 6, 8, 12, 24, 48, 96, 168].find((n) => count / n <= fit) ?? Math.ceil(count / fit)
}
