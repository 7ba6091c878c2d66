// SPDX-License-Identifier: Apache-2.0
import type { Input, Output } from '../api/client.ts'

export type Thresholds = Output<'breaker.thresholds'>

/** The lines as a person writes them; shares as percentages, for so they are said. */
export interface CapsDraft {
  kind: 'house' | 'tenant' | 'key'
  name: string
  hard_cap_per_hour: string
  hard_cap_per_day: string
  soft_cap_pct: string
  hard_cap_pct: string
  cooldown_hours: string
  blind_seconds: string
  notify_only: boolean
  cut_streams: boolean
}

export interface CapsProblem {
  field: keyof CapsDraft
  message: string
}

const tokens = ['hard_cap_per_hour', 'hard_cap_per_day'] as const
const shares = ['soft_cap_pct', 'hard_cap_pct'] as const
const spans = ['cooldown_hours', 'blind_seconds'] as const
const switches = ['notify_only', 'cut_streams'] as const

/** A scope as the house writes it, taken apart. */
export function kindOf(scope: string): { kind: CapsDraft['kind']; name: string } {
  const at = scope.indexOf(':')
  const kind = scope.slice(0, at)
  return kind === 'tenant' || kind === 'key' ? { kind, name: scope.slice(at + 1) } : { kind: 'house', name: '' }
}

export const scopeOf = ({ kind, name }: Pick<CapsDraft, 'kind' | 'name'>): string => (kind === 'house' ? '' : `${kind}:${name.trim()}`)

/** The lines of a scope as they stand now. */
export function capsDraft(scope: string, t: Thresholds): CapsDraft {
  const { kind, name } = kindOf(scope)
  const own = kind === 'house' ? t : ((kind === 'tenant' ? t.tenants : t.keys) as Record<string, { hard_cap_per_hour?: number; hard_cap_per_day?: number }> | undefined)?.[name]
  const text = (n: number | undefined) => (n ? String(n) : '')
  return {
    kind, name, hard_cap_per_hour: text(own?.hard_cap_per_hour), hard_cap_per_day: text(own?.hard_cap_per_day),
    soft_cap_pct: String(round(t.soft_cap_pct * 100)), hard_cap_pct: String(round(t.hard_cap_pct * 100)),
    cooldown_hours: String(t.cooldown_hours), blind_seconds: String(t.blind_seconds), notify_only: t.notify_only, cut_streams: t.cut_streams,
  }
}

const round = (n: number): number => Math.round(n * 1e6) / 1e6
const numberOf = (text: string): string => text.replace(/[\s,_%]/g, '')

/** The input that makes the lines as the draft says, with only what differs; or what is wrong with it. */
export function capsInput(draft: CapsDraft, t: Thresholds): { input: Input<'breaker.set_thresholds'>; problems: CapsProblem[] } {
  const problems: CapsProblem[] = []
  const scope = scopeOf(draft)
  const old = capsDraft(scope, t)
  const input: Input<'breaker.set_thresholds'> = scope ? { scope } : {}
  if (draft.kind !== 'house' && draft.name.trim() === '') problems.push({ field: 'name', message: `which ${draft.kind}?` })
  const read = (field: (typeof tokens | typeof shares | typeof spans)[number], pattern: RegExp, want: string, by = 1) => {
    const text = numberOf(draft[field])
    if (text === numberOf(old[field])) return
    if (!pattern.test(text)) problems.push({ field, message: want })
    else input[field] = round(Number(text) / by)
  }
  for (const field of tokens) {
    const lifted = draft.kind !== 'house' && numberOf(draft[field]) === ''
    if (lifted && old[field] !== '') input[field] = 0
    else if (!lifted) read(field, draft.kind === 'house' ? /^[1-9]\d{0,14}$/ : /^\d{1,15}$/, 'a whole number of tokens')
  }
  if (draft.kind === 'house') {
    for (const field of shares) read(field, /^\d{1,3}(\.\d+)?$/, 'a percentage, such as 80', 100)
    for (const field of spans) read(field, /^\d{1,6}(\.\d+)?$/, 'a number')
    for (const field of switches) if (draft[field] !== old[field]) input[field] = draft[field]
  }
  if (problems.length === 0 && Object.keys(input).length === (scope ? 1 : 0)) problems.push({ field: 'hard_cap_per_hour', message: 'nothing differs from what stands' })
  return { input, problems }
}

const quoted = (text: string): string => (/^[\w:.@/-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`)

/** The same change as the owner makes it in a terminal. */
export function capsCommand(input: Input<'breaker.set_thresholds'>): string {
  const flags = Object.entries(input).map(([field, value]) => (typeof value === 'boolean' ? `--${dashed(field)}=${value}` : `--${dashed(field)} ${quoted(String(value))}`))
  return ['holdfast breaker thresholds set', ...flags].join(' ')
}

const dashed = (field: string): string => field.replaceAll('_', '-')

export const resumeCommand = (scope: string, force: boolean): string => ['holdfast breaker resume', ...(scope ? [quoted(scope)] : []), ...(force ? ['--force'] : [])].join(' ')

/** What differs between two sets of lines, in words; caps of tenants and keys too. */
export function differences(detail: unknown): string[] {
  const { old, new: next } = (detail && typeof detail === 'object' ? detail : {}) as { old?: Thresholds; new?: Thresholds }
  if (!old || !next) return []
  const was = flat(old)
  const is = flat(next)
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].filter((k) => was[k] !== is[k]).map((k) => `${k}: ${said(was[k])} → ${said(is[k])}`)
}

function flat(value: object, before = ''): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [key, one] of Object.entries(value)) {
    const name = before ? `${before} ${key}` : key
    if (one && typeof one === 'object') Object.assign(out, flat(one, name))
    else out[name] = one
  }
  return out
}

const said = (value: unknown): string => (value === undefined || value === 0 ? 'none' : typeof value === 'number' ? new Intl.NumberFormat('en').format(value) : String(value))
