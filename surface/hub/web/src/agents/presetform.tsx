// SPDX-License-Identifier: Apache-2.0
import { useId, useState, type FormEvent } from 'react'

import { beside, Trouble } from '../api/errors.ts'
import { useChange, useRead } from '../api/house.ts'
import type { Preset } from '../api/words.ts'
import { presetBudget, presetProblems, type PresetDraft, type PresetProblem } from '../lib/presetform.ts'
import { readConfig } from '../lib/selection.ts'
import { plain } from '../lib/shown.ts'
import { ToolPicker } from '../tools/picker.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { TroubleCard } from '../ui/trouble.tsx'
import { presetTouches } from './common.ts'

const bases = ['passthrough_agent', 'simple_agent'] as const

const textOf = (n: number | undefined): string => (n ? String(n) : '')

const draftOf = (p: Preset | undefined): PresetDraft => ({
  name: p?.name ?? '', base_agent: p?.base_agent || 'passthrough_agent', alias: p?.alias ?? '', system_prompt: p?.system_prompt ?? '',
  steps: textOf(p?.budget.steps), tokens: textOf(p?.budget.tokens), seconds: textOf(p?.budget.seconds), tool_config: readConfig(p?.tool_config),
})

/** Makes a preset, or changes one. */
export function PresetDialog({ known, onClose }: { known: Preset | undefined; onClose: () => void }) {
  const id = useId()
  const [draft, setDraft] = useState(() => draftOf(known))
  const [wrong, setWrong] = useState<PresetProblem[]>([])
  const aliases = (useRead('model.list', {}).data?.aliases ?? []).map((a) => a.alias)
  const tools = useRead('tool.list', { all: true }).data?.tools
  const add = useChange('preset.add', { touches: presetTouches, inline: true, done: (out) => `${plain(out.name, 80)} answers as a model` })
  const update = useChange('preset.update', { touches: presetTouches, inline: true, done: (out) => `${plain(out.name, 80)} is changed` })
  const error = add.error ?? update.error
  const rest = beside(error, [...(known ? [] : ['name']), 'alias', 'system_prompt', 'steps', 'tokens', 'seconds', 'budget'])
  const refused = error instanceof Trouble ? (error.problem.problems ?? []) : []
  const problem = (field: string) => wrong.find((p) => p.field === field)?.message ?? refused.find((p) => p.field === field)?.message
  const set = (field: keyof PresetDraft) => (text: string) => setDraft((old) => ({ ...old, [field]: text }))
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const found = presetProblems(draft)
    setWrong(found)
    if (found.length > 0 || add.busy || update.busy) return
    const base = bases.find((b) => b === draft.base_agent) ?? 'passthrough_agent'
    const input = { name: draft.name.trim(), base_agent: base, alias: draft.alias.trim(), system_prompt: draft.system_prompt, budget: presetBudget(draft), tool_config: draft.tool_config }
    const done = known ? await update.run(input) : await add.run(input)
    if (done) onClose()
  }
  return (
    <Dialog
      open alert wide onClose={onClose} title={known ? `Change ${plain(known.name, 80)}` : 'New preset'}
      footer={<><Button onPress={onClose}>Cancel</Button><Button kind="primary" type="submit" form={id} busy={add.busy || update.busy}>{known ? 'Change' : 'Make the preset'}</Button></>}
    >
      <form id={id} className="preset-form" onSubmit={(e) => void submit(e)} noValidate>
        {!known && <Field label="Name" value={draft.name} onChange={set('name')} problem={problem('name')} hint="as which it is asked for" focus />}
        <label className="field"><span>Made of</span><select className="input" value={draft.base_agent} onChange={(e) => set('base_agent')(e.target.value)}>{bases.map((b) => <option key={b} value={b}>{b}</option>)}</select></label>
        <Field label="Asks the model" value={draft.alias} onChange={set('alias')} problem={problem('alias')} placeholder="as set for all" options={aliases} />
        <label className="field wide">
          <span>What it is told first</span>
          <textarea className="input" rows={4} value={draft.system_prompt} maxLength={16_384} onChange={(e) => set('system_prompt')(e.target.value)} />
          {problem('system_prompt') && <span className="problem">{problem('system_prompt')}</span>}
        </label>
        <Field label="Model calls a request" value={draft.steps} onChange={set('steps')} problem={problem('steps')} placeholder="as set for all" numeric />
        <Field label="Tokens a request" value={draft.tokens} onChange={set('tokens')} problem={problem('tokens') ?? problem('budget')} placeholder="as set for all" numeric />
        <Field label="Seconds a request" value={draft.seconds} onChange={set('seconds')} problem={problem('seconds')} placeholder="as set for all" numeric />
        <div className="field wide"><span>Tools</span>{tools ? <ToolPicker alone tools={tools} config={draft.tool_config} onChange={(tool_config) => setDraft((old) => ({ ...old, tool_config }))} /> : <span className="dim">on their way…</span>}</div>
      </form>
      {rest ? <TroubleCard error={rest} /> : null}
    </Dialog>
  )
}
