// SPDX-License-Identifier: Apache-2.0
import { isStill, isTroubled, isUp } from './states.ts'

export type SortKey = 'name' | 'state' | 'cpu' | 'memory' | 'since' | 'restarts'

export interface Sort {
  key: SortKey
  down: boolean
}

export type Group = 'none' | 'owner' | 'state'

interface Listed {
  name: string
  owner: string
  state: string
  detail?: string | undefined
  since: string
  restarts: number
  port?: number | undefined
  pid?: number | undefined
}

export type Item<U> = { kind: 'group'; name: string; count: number; up: number } | { kind: 'unit'; unit: U }

const urgency = (state: string): number => (isTroubled(state) ? 0 : isUp(state) ? 2 : isStill(state) ? 3 : 1)

type Used = ReadonlyMap<string, { cpu: number; memory: number }>

const compare: Record<SortKey, (a: Listed, b: Listed, used: Used) => number> = {
  name: () => 0,
  state: (a, b) => urgency(a.state) - urgency(b.state) || a.state.localeCompare(b.state),
  cpu: (a, b, used) => (used.get(a.name)?.cpu ?? -1) - (used.get(b.name)?.cpu ?? -1),
  memory: (a, b, used) => (used.get(a.name)?.memory ?? -1) - (used.get(b.name)?.memory ?? -1),
  // The longest since first when it goes down.
  since: (a, b) => Date.parse(b.since) - Date.parse(a.since),
  restarts: (a, b) => a.restarts - b.restarts,
}

const byName = new Intl.Collator('en', { numeric: true })

/** The next sorting when a head is pressed: figures begin with the largest. */
export const nextSort = (old: Sort, key: SortKey): Sort => ({ key, down: old.key === key ? !old.down : key !== 'name' && key !== 'state' })

/** The rows of the list, in order; of a closed group only its head. */
export function arrange<U extends Listed>(units: U[], used: Used, group: Group, sort: Sort, closed: ReadonlySet<string>): Item<U>[] {
  const sorted = units.toSorted((a, b) => (sort.down ? -1 : 1) * compare[sort.key](a, b, used) || (sort.key === 'name' && sort.down ? -1 : 1) * byName.compare(a.name, b.name))
  if (group === 'none') return sorted.map((unit) => ({ kind: 'unit', unit }))
  const groups = new Map<string, U[]>()
  for (const unit of sorted) {
    const list = groups.get(unit[group])
    if (list) list.push(unit)
    else groups.set(unit[group], [unit])
  }
  const order = group === 'state' ? (a: string, b: string) => urgency(a) - urgency(b) || byName.compare(a, b) : byName.compare
  return [...groups].toSorted(([a], [b]) => order(a, b)).flatMap(([name, list]): Item<U>[] => [
    { kind: 'group', name, count: list.length, up: list.filter((u) => isUp(u.state)).length },
    ...(closed.has(name) ? [] : list.map((unit): Item<U> => ({ kind: 'unit', unit }))),
  ])
}

/** Whether a unit has every word in its name, owner, state, reason, port or pid. */
export function found(unit: Listed, text: string): boolean {
  const all = `${unit.name} ${unit.owner} ${unit.state} ${unit.detail ?? ''} ${unit.port ?? ''} ${unit.pid ?? ''}`.toLowerCase()
  return text.toLowerCase().split(/\s+/).every((word) => all.includes(word))
}
