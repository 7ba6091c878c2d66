// SPDX-License-Identifier: Apache-2.0
import type { Tone } from '../ui/parts.tsx'

interface Alias {
  alias: string
  configured: string[] | null
  effective: string
  actual: string
}

/** The models of a chain in their order, each once; what names another alias stands for its chain. */
export function chainOf(name: string, aliases: Alias[], seen: string[] = []): string[] {
  const found = aliases.find((a) => a.alias === name)
  if (!found || seen.includes(name)) return [name]
  const all = (found.configured ?? []).flatMap((step) => (step === name ? [] : chainOf(step, aliases, [...seen, name])))
  return [...new Set(all)]
}

export interface Standing {
  tone: Tone
  text: string
}

/** How an alias stands in a word: as configured, fallen back, or without anybody to ask. */
export function standingOf(alias: Alias, aliases: Alias[]): Standing {
  if (alias.effective === '') return { tone: 'bad', text: 'all rest' }
  const [first] = chainOf(alias.alias, aliases)
  return first === alias.effective ? { tone: 'good', text: 'as configured' } : { tone: 'warn', text: 'falls back' }
}

/** Whole seconds until a time, never less than 0. */
export const secondsLeft = (until: string, now: number): number => Math.max(0, Math.ceil((Date.parse(until) - now) / 1000))

/** What a rehearsed fault does, for the choice of it. */
export const faults = [
  { value: '429', text: '429: is rate limited' },
  { value: '500', text: '500: fails within itself' },
  { value: 'timeout', text: 'timeout: never answers' },
  { value: 'slow', text: 'slow: answers late' },
  { value: 'cut', text: 'cut: breaks off in the middle' },
  { value: 'empty', text: 'empty: answers nothing' },
] as const

export type Fault = (typeof faults)[number]['value']
