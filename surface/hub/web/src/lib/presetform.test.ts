// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { presetBudget, presetProblems, type PresetDraft } from './presetform.ts'

const draft: PresetDraft = { name: 'librarian', base_agent: 'simple_agent', alias: '', system_prompt: '', steps: '', tokens: '', seconds: '', tool_config: {} }
const fields = (change: Partial<PresetDraft>) => presetProblems({ ...draft, ...change }).map((p) => p.field)

test('a preset has a name that a model can have', () => {
  expect(fields({})).toEqual([])
  for (const name of ['', '1st', 'with space', 'a'.repeat(65), 'a/b', 'naïve']) expect(fields({ name }), name).toEqual(['name'])
})

test('bounds are whole numbers or nothing', () => {
  expect(presetBudget({ ...draft, steps: '8', tokens: '200,000', seconds: ' 300 ' })).toEqual({ steps: 8, tokens: 200_000, seconds: 300 })
  expect(fields({ steps: '101', tokens: '1.5', seconds: '-1' })).toEqual(['steps', 'tokens', 'seconds'])
  expect(presetBudget(draft)).toEqual({ steps: 0, tokens: 0, seconds: 0 })
})
