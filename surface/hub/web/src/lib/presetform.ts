// SPDX-License-Identifier: Apache-2.0
import type { ToolConfig } from './selection.ts'

export interface PresetDraft {
  name: string
  base_agent: string
  alias: string
  system_prompt: string
  steps: string
  tokens: string
  seconds: string
  tool_config: ToolConfig
}

export interface PresetProblem {
  field: string
  message: string
}

const bounds = [['steps', 100], ['tokens', Number.MAX_SAFE_INTEGER], ['seconds', 7 * 86_400]] as const

/** What a person wrote as a whole number: digits with any spaces and commas between, or nothing. */
function numberOf(text: string): number | undefined {
  const digits = text.replace(/[\s,_]/g, '')
  if (digits === '') return 0
  return /^\d{1,15}$/.test(digits) ? Number(digits) : undefined
}

/** What is wrong with a draft, before the house is asked. */
export function presetProblems(draft: PresetDraft): PresetProblem[] {
  const problems: PresetProblem[] = []
  if (!/^[A-Za-z][\w.-]{0,63}$/.test(draft.name.trim())) problems.push({ field: 'name', message: 'letters, digits, _ . and -, at most 64, beginning with a letter' })
  for (const [field, most] of bounds) {
    const n = numberOf(draft[field])
    if (n === undefined || n > most) problems.push({ field, message: `a whole number${most < 1e9 ? ` up to ${most}` : ''}, or nothing` })
  }
  return problems
}

/** The budget of a draft; what is 0 is as it is set for all. */
export const presetBudget = (draft: PresetDraft): { steps: number; tokens: number; seconds: number } => ({ steps: numberOf(draft.steps) ?? 0, tokens: numberOf(draft.tokens) ?? 0, seconds: numberOf(draft.seconds) ?? 0 })
