// SPDX-License-Identifier: Apache-2.0
import { span } from './format.ts'

export interface Standing {
  name: string
  state: string
  detail?: string | undefined
  since: string
  needs?: string[] | null | undefined
}

export interface Explanation {
  /** Why it stands so, as the house says it. */
  why: string
  /** What happens next by itself, or what a person can do. */
  next: string
}

const spans: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Reads a span as Go writes it: "2.2s", "1m30s". */
export function readSpan(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)]
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== text) return undefined
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * (spans[unit!] ?? 0), 0)
}

const again = /;\s*starts again in ([\d.hms]+)\s*$/

/** When a unit that is backing off starts again, as its detail told at its change. */
export function nextStart(u: Standing): Date | undefined {
  const left = readSpan(again.exec(u.detail ?? '')?.[1] ?? '')
  return left === undefined ? undefined : new Date(Date.parse(u.since) + left)
}

const sentence = (text: string): string => {
  const t = text.trim()
  if (t === '') return ''
  // A name that a sentence begins with keeps its letters; only plain words are raised.
  const raised = /^[a-z]+(?:\s|$)/.test(t) ? t[0]!.toUpperCase() + t.slice(1) : t
  return /[.!?]$/.test(raised) ? raised : raised + '.'
}

function backingOff(u: Standing, now: number): Explanation {
  const at = nextStart(u)
  const why = sentence((u.detail ?? '').replace(again, ''))
  if (!at) return { why, next: 'It starts again by itself.' }
  const left = (at.getTime() - now) / 1000
  return { why, next: left > 0.5 ? `Starts again by itself in ${span(Math.ceil(left))}.` : 'Starts again now.' }
}

const next: Record<string, string> = {
  held: 'Nothing starts it until you do.',
  blocked: 'It starts by itself when the cause is gone.',
  failed: 'Its policy does not start it again; you can.',
  unhealthy: 'Its health check fails. If that goes on, it is restarted by its policy.',
  stopping: 'It was asked to end, and is killed when its grace is over.',
}

/** Says in words why a unit that is not simply up stands as it does, and what comes next. */
export function explain(u: Standing, now: number): Explanation | undefined {
  switch (u.state) {
    case 'ready':
    case 'running':
      return u.detail ? { why: sentence(u.detail), next: '' } : undefined
    case 'backing-off':
      return backingOff(u, now)
    case 'starting':
      return { why: sentence(u.detail ?? ''), next: u.detail ? '' : u.needs?.length ? 'Waits for what it needs, or is not ready yet.' : 'Not ready yet.' }
    case 'stopped':
      return { why: sentence(u.detail ?? ''), next: u.detail ? '' : 'Nobody wants it to run.' }
    default:
      return { why: sentence(u.detail ?? ''), next: next[u.state] ?? '' }
  }
}

/** Both halves in one line. */
export function explained(u: Standing, now: number): string {
  const said = explain(u, now)
  return said ? [said.why, said.next].filter(Boolean).join(' ') : ''
}

/** Cores as a person says them: a share of one below ten, else whole. */
export function cores(n: number): string {
  if (!Number.isFinite(n) || n <= 0) return '0 %'
  if (n < 0.001) return '<0.1 %'
  if (n < 0.1) return `${(n * 100).toFixed(1)} %`
  return `${Math.round(n * 100)} %`
}

/** The same in words, for a sum: "13 % of a core", "2.4 cores". */
export const coresInWords = (n: number): string => (n < 1.05 ? `${cores(n)} of a core` : `${n < 9.95 ? n.toFixed(1) : Math.round(n)} cores`)
