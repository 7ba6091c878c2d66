// SPDX-License-Identifier: Apache-2.0

/** Where a live stream stands. Paused: nobody looks at the page, so its connection is given back. */
export type StreamState = 'connecting' | 'live' | 'reconnecting' | 'paused'

export interface StreamOptions<T> {
  url: () => string
  onEvent: (event: T) => void
  onState: (state: StreamState) => void
}

const firstRetry = 1_000
const lastRetry = 15_000

/**
 * Follows a server-sent event stream for as long as the page is seen: reconnects with a growing
 * pause, and lets go while hidden, for a browser has few connections to one house. Returns the way to end it.
 */
export function follow<T>({ url, onEvent, onState }: StreamOptions<T>): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let retry = firstRetry
  let opened = false

  const close = () => {
    clearTimeout(timer)
    source?.close()
    source = undefined
  }
  const open = () => {
    close()
    onState(opened ? 'reconnecting' : 'connecting')
    source = new EventSource(url())
    source.onopen = () => {
      opened = true
      retry = firstRetry
      onState('live')
    }
    source.onmessage = (message: MessageEvent<string>) => onEvent(JSON.parse(message.data) as T)
    source.onerror = () => {
      close()
      onState('reconnecting')
      timer = setTimeout(open, retry)
      retry = Math.min(retry * 2, lastRetry)
    }
  }
  const look = () => {
    if (document.hidden) {
      close()
      onState('paused')
    } else if (!source) {
      retry = firstRetry
      open()
    }
  }

  document.addEventListener('visibilitychange', look)
  window.addEventListener('online', look)
  look()
  return () => {
    document.removeEventListener('visibilitychange', look)
    window.removeEventListener('online', look)
    close()
  }
}

interface Sequenced {
  node: string
  sequence: number
  time: string
}

/**
 * Adds entries to a list, newest first, each once, at most limit of them. As in the house, those of a
 * node keep the order of its chain whatever its clock did, and time only places nodes among each other.
 */
export function mergeNewest<T extends Sequenced>(list: T[], more: T[], limit: number): T[] {
  const chains = new Map<string, Map<number, T>>()
  for (const entry of [...list, ...more]) {
    const chain = chains.get(entry.node) ?? new Map<number, T>()
    chains.set(entry.node, chain.set(entry.sequence, entry))
  }
  const later = (a: Placed<T>, b: Placed<T>) => b.at - a.at || (a.entry.node < b.entry.node ? 1 : a.entry.node > b.entry.node ? -1 : b.entry.sequence - a.entry.sequence)
  return [...chains.values()].flatMap((chain) => placed([...chain.values()])).sort(later).slice(0, limit).map((p) => p.entry)
}

interface Placed<T> {
  entry: T
  at: number
}

/** Where the entries of one node stand: at the latest time reached, the future left aside. */
function placed<T extends Sequenced>(entries: T[]): Placed<T>[] {
  const chain = entries.toSorted((a, b) => a.sequence - b.sequence)
  const top = Math.max(Date.now(), Date.parse(chain.at(-1)?.time ?? ''))
  let reached = 0
  return chain.map((entry) => {
    const at = Date.parse(entry.time)
    if (at <= top) reached = Math.max(reached, at)
    return { entry, at: reached }
  })
}

/** Whether a stream's entry, the nth since it was opened, only repeats what was there before the page began. */
export const isPast = (nth: number, entry: { time: string }, began: number): boolean => nth === 0 && Date.parse(entry.time) < began

const touches: Record<string, string[]> = {
  unit: ['unit.list', 'unit.show', 'unit.history', 'house.status'],
  extension: ['unit.list', 'tool.list', 'house.status'],
  breaker: ['breaker.status', 'breaker.history', 'token.summary', 'house.status'],
  budget: ['budget.report', 'budget.history', 'budget.parked', 'token.summary', 'house.status'],
  cooldown: ['model.policy', 'model.list'],
  gateway: ['model.policy', 'model.list'],
  model: ['model.policy', 'model.list'],
  key: ['key.list'],
  trash: ['key.list'],
  token: ['token.summary', 'token.usage', 'token.sessions', 'token.blocks', 'token.calls'],
  tool: ['tool.list', 'tool.show', 'prompt.list', 'resource.list'],
  'remote-mcp': ['remote-mcp.list', 'tool.list'],
  'mcp-hub': ['mcp-hub.list'],
  operation: ['operation.list'],
  approval: ['approval.list', 'agent.trace', 'agent.traces'],
  client: ['client.list', 'grant.list'],
  grant: ['client.list', 'grant.list'],
  oauth: ['client.list', 'grant.list'],
  preset: ['preset.list', 'agent.list', 'agent.show', 'model.list'],
  agent: ['agent.list', 'agent.show', 'agent.trace', 'agent.traces'],
  alert: ['house.status'],
  house: ['house.status'],
  config: ['house.status', 'unit.list', 'model.policy', 'model.list', 'budget.report', 'price.list'],
}

/** The queries whose answer a journal entry may have changed. */
export function touchedBy(entry: { action: string; outcome: string }): string[] {
  const noun = entry.action.split('.', 1)[0] ?? ''
  // A call of a tool changes no list, and there may be many in a second; what was used is seen at the next look.
  const names = new Set(entry.action === 'tool.run' || entry.action === 'tool.call' ? ['agent.trace', 'agent.traces'] : (touches[noun] ?? []))
  names.add('journal.show')
  // A refusal or a note may be a new pending approval, whatever the action was.
  if (entry.outcome === 'refused' || entry.outcome === 'noted' || entry.outcome === 'started') names.add('approval.list')
  return [...names]
}

interface Named {
  action: string
  caller: string
  outcome: string
}

/** The words by which the house itself filters: whole actions and callers, and their first parts. */
export function wholeWords(entries: Named[]): Set<string> {
  const words = new Set<string>()
  for (const { action, caller } of entries) {
    for (const name of [action, caller]) words.add(name)
    words.add(action.split('.', 1)[0] ?? '')
    words.add(caller.split(':', 1)[0] ?? '')
  }
  return words
}

export interface EntryFilter {
  action?: string | undefined
  caller?: string | undefined
  outcome?: string | undefined
}

/** Whether an entry fits what was typed, whole or in part. */
export const fits = (e: Named, f: EntryFilter): boolean =>
  (!f.action || e.action.includes(f.action)) && (!f.caller || e.caller.includes(f.caller)) && (!f.outcome || e.outcome === f.outcome)
