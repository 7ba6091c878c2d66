// SPDX-License-Identifier: Apache-2.0

/** One change of a unit's state. */
export interface Change {
  at: string
  from: string
  to: string
  detail?: string | undefined
  launch?: string | undefined
  pid?: number | undefined
}

/** A time in which a unit stood in one state. */
export interface Stretch {
  state: string
  from: number
  to: number
  detail: string
}

/** When changes, oldest first, happened: never after the next one, which a clock that went back may claim. */
function moments(changes: Change[]): number[] {
  let next = Infinity
  return changes.map((c) => Date.parse(c.at)).toReversed().map((at) => (next = Math.min(next, at))).toReversed()
}

/**
 * The states of a unit from one time to another, without a gap, from its changes, oldest first. Before
 * the first known change it stood as that change says.
 */
export function stretches(changes: Change[], from: number, to: number, now: string): Stretch[] {
  const known = changes.filter((c) => !Number.isNaN(Date.parse(c.at)))
  const at = moments(known)
  const out: Stretch[] = []
  const add = (state: string, begin: number, end: number, detail: string) => {
    const [a, b] = [Math.max(begin, from), Math.min(end, to)]
    if (b <= a) return
    const last = out.at(-1)
    if (last && last.state === state && last.to === a) last.to = b
    else out.push({ state, from: a, to: b, detail })
  }
  add(known[0] ? known[0].from || 'stopped' : now, from, at[0] ?? to, '')
  known.forEach((c, i) => add(c.to, at[i] ?? to, at[i + 1] ?? to, c.detail ?? ''))
  return out
}

const up = new Set(['ready', 'running'])

/** The share of the time in which the unit was up. */
export function upShare(list: Stretch[]): number {
  const total = list.reduce((sum, s) => sum + s.to - s.from, 0)
  return total > 0 ? list.reduce((sum, s) => sum + (up.has(s.state) ? s.to - s.from : 0), 0) / total : 0
}

const alive = new Set(['ready', 'running', 'unhealthy'])

/** How often it came to an end that nobody asked for: an asked one goes through stopping. */
export const falls = (changes: Change[]): number =>
  changes.filter((c) => c.to !== c.from && (c.to === 'backing-off' || c.to === 'failed' || (c.to === 'starting' && alive.has(c.from)))).length

/** A launch of a unit, with what became of it, newest change first. */
export interface Launch {
  launch: string
  pid: number | undefined
  changes: Change[]
}

/** Changes, oldest first, by launch, newest first. A change that names no launch, such as a hold, goes with the one before it. */
export function launches(changes: Change[]): Launch[] {
  const out: Launch[] = []
  for (const c of changes) {
    const last = out.at(-1)
    const same = last && (!c.launch || last.launch === c.launch || last.launch === '')
    if (same && !(c.to === 'starting' && !c.launch && last.launch !== '')) {
      last.changes.unshift(c)
      last.launch ||= c.launch ?? ''
      last.pid ??= c.pid || undefined
    } else {
      out.push({ launch: c.launch ?? '', pid: c.pid || undefined, changes: [c] })
    }
  }
  return out.toReversed()
}
