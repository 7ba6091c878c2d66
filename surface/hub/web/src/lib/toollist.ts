// SPDX-License-Identifier: Apache-2.0
import { isTime } from './format.ts'

/** What of a tool its place in the list depends on. */
export interface ListedTool {
  name: string
  source: string
  summary: string
  calls: number
  errors: number
  last_used?: string
}

export type ToolOrder = 'source' | 'used' | 'failing' | 'last'

export type ToolItem<T> = { kind: 'source'; name: string; count: number } | { kind: 'tool'; tool: T }

/** How many of its calls failed, from 0 to 1. */
export const errorRate = (t: Pick<ListedTool, 'calls' | 'errors'>): number => (t.calls > 0 ? Math.min(1, t.errors / t.calls) : 0)

const lastUsed = (t: ListedTool): number => (isTime(t.last_used) ? Date.parse(t.last_used) : 0)

const orders: Record<Exclude<ToolOrder, 'source'>, (a: ListedTool, b: ListedTool) => number> = {
  used: (a, b) => b.calls - a.calls,
  failing: (a, b) => errorRate(b) - errorRate(a) || b.errors - a.errors,
  last: (a, b) => lastUsed(b) - lastUsed(a),
}

/** Tools that have all the words in their name, source or summary. */
export function findTools<T extends ListedTool>(tools: T[], text: string): T[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return tools
  return tools.filter((t) => {
    const said = `${t.name} ${t.source} ${t.summary}`.toLowerCase()
    return words.every((w) => said.includes(w))
  })
}

/** The list as it is shown: by source with the house's own last, or as one list in another order. */
export function arrangeTools<T extends ListedTool>(tools: T[], order: ToolOrder, closed: ReadonlySet<string>): ToolItem<T>[] {
  const byName = tools.toSorted((a, b) => a.name.localeCompare(b.name))
  if (order !== 'source') return byName.sort(orders[order]).map((tool) => ({ kind: 'tool', tool }))
  const groups = new Map<string, T[]>()
  for (const t of byName) {
    const group = groups.get(t.source)
    if (group) group.push(t)
    else groups.set(t.source, [t])
  }
  const rank = (source: string) => (source === 'house' ? 1 : 0)
  return [...groups].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b)).flatMap(([name, list]) => [
    { kind: 'source' as const, name, count: list.length }, ...(closed.has(name) ? [] : list.map((tool) => ({ kind: 'tool' as const, tool }))),
  ])
}
