// SPDX-License-Identifier: Apache-2.0
import { useId, useState, type FormEvent } from 'react'

import { Trouble } from '../api/errors.ts'
import { useChange, useRead } from '../api/house.ts'
import type { ApiKey, Budget } from '../api/words.ts'
import { amount, limitWords, setInput, type BudgetDraft, type BudgetProblem } from '../lib/budgets.ts'
import { createInput, draftOf, newDraft, problemsOf, updateInput, type Draft, type FieldProblem } from '../lib/keyform.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { TroubleCard } from '../ui/trouble.tsx'
import type { Fresh } from './shown.tsx'

const ends = [['never', 'never'], ['1d', 'in 1 day'], ['7d', 'in 7 days'], ['30d', 'in 30 days'], ['90d', 'in 90 days'], ['365d', 'in 365 days']] as const

const touches = ['key.list']

/** The limits that a key is given here; Budgets has the rest. */
const offered = ['tokens_per_day', 'usd_per_month'] as const
type Given = BudgetDraft['limits']

/** Makes a key, or changes what a known one may do and spend. */
export function KeyDialog({ known, budgets = [], onClose, onMade }: { known?: ApiKey; budgets?: Budget[]; onClose: () => void; onMade: (fresh: Fresh) => void }) {
  const id = useId()
  const [draft, setDraft] = useState<Draft>(() => (known ? draftOf(known) : newDraft))
  const [problems, setProblems] = useState<FieldProblem[]>([])
  const create = useChange('key.create', { touches, inline: true })
  const update = useChange('key.update', { touches, inline: true, done: (_out, { name }) => `${name} is changed, from the next call on` })
  const [given, setGiven] = useState<Given>({})
  const [wrong, setWrong] = useState<BudgetProblem[]>([])
  const limit = useChange('budget.set', { touches: ['budget.report', 'budget.history'], inline: known !== undefined, done: (out) => `The budget of ${out.scope} is set` })
  const error = create.error ?? update.error ?? (known ? limit.error : null)
  const busy = create.busy || update.busy || limit.busy
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const found = problemsOf(draft)
    const some = offered.some((l) => (given[l] ?? '').trim() !== '')
    const budget = setInput({ kind: 'key', name: known?.name ?? draft.name, at: '', limits: given })
    const bad = some ? budget.problems.filter((p) => p.field !== 'name') : []
    setProblems(found)
    setWrong(bad)
    if (found.length > 0 || bad.length > 0 || busy) return
    if (!known) {
      const made = await create.run(createInput(draft))
      // The key is shown whatever becomes of its budget: it is shown only now.
      if (made && some) await limit.run(budget.input)
      return made && onMade(made)
    }
    const input = updateInput(known, draft)
    if (input && !(await update.run(input))) return
    if (!some || (await limit.run(budget.input))) onClose()
  }
  const set = (field: keyof Draft) => (text: string) => setDraft((old) => ({ ...old, [field]: text }))
  const refused = error instanceof Trouble ? (error.problem.problems ?? []) : []
  const problem = (field: keyof Draft) => problems.find((p) => p.field === field)?.message ?? refused.find((p) => p.field === field)?.message
  const bind = (field: keyof Draft) => ({ value: draft[field], onChange: set(field), problem: problem(field) })
  const expires = (
    <label className="field">
      <span>Expires</span>
      <select className="input" value={draft.expires} onChange={(e) => set('expires')(e.target.value)}>
        {known && <option value="">as it is</option>}
        {ends.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
      </select>
    </label>
  )
  return (
    <Dialog
      open alert wide onClose={onClose} title={known ? `Change ${known.name}` : 'New key'}
      footer={<><Button onPress={onClose}>Cancel</Button><Button kind="primary" type="submit" form={id} busy={busy}>{known ? 'Change' : 'Make the key'}</Button></>}
    >
      <form id={id} className="key-form" onSubmit={(e) => void submit(e)} noValidate>
        {!known && <Field label="Name" hint="of the program that will hold it" {...bind('name')} focus />}
        <Field label="Bearer" hint="client:, agent:, extension: or tenant: and a name" placeholder={known ? '' : 'client: and its name'} {...bind('owner')} />
        <Field label="Tenant" hint="whose tokens it spends" placeholder="the house" {...bind('tenant')} />
        {!known && expires}
        <ModelsField {...bind('models')} />
        <Field label="Calls a minute" placeholder="no limit" numeric {...bind('rpm')} />
        <Field label="Tokens a minute" placeholder="no limit" numeric {...bind('tpm')} />
        {offered.map((l) => {
          const now = budgets.find((b) => b.limit === l)
          return <Field key={l} label={`May spend, ${limitWords(l)}`} value={given[l] ?? ''} onChange={(text) => setGiven((old) => ({ ...old, [l]: text }))} problem={wrong.find((p) => p.field === l)?.message} placeholder={now ? `now ${amount(l, now.quota)}` : 'no limit'} numeric />
        })}
        {known && expires}
      </form>
      {error ? <TroubleCard error={error} /> : null}
    </Dialog>
  )
}

/** The models as text, with the aliases at hand. */
function ModelsField(props: { value: string; onChange: (text: string) => void; problem: string | undefined }) {
  const aliases = useRead('model.list', {}).data?.aliases ?? []
  const taken = props.value.split(/[\s,]+/).filter(Boolean)
  const toggle = (name: string) => props.onChange((taken.includes(name) ? taken.filter((t) => t !== name) : [...taken, name]).join(', '))
  return (
    <Field wide label="Models" hint="aliases, agents, provider/model, or provider/*" placeholder="all" {...props}>
      {aliases.length > 0 && (
        <span className="row wrap toggles">
          {aliases.map((a) => <button key={a.alias} type="button" className="toggle" aria-pressed={taken.includes(a.alias)} onClick={() => toggle(a.alias)}>{a.alias}</button>)}
        </span>
      )}
    </Field>
  )
}
