// SPDX-License-Identifier: Apache-2.0
import { useId, useState, type FormEvent, type ReactNode } from 'react'

import { Trouble } from '../api/errors.ts'
import { useChange, useRead } from '../api/house.ts'
import type { ApiKey } from '../api/words.ts'
import { createInput, draftOf, newDraft, problemsOf, updateInput, type Draft, type FieldProblem } from '../lib/keyform.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { TroubleCard } from '../ui/trouble.tsx'
import type { Fresh } from './shown.tsx'

const ends = [['never', 'never'], ['1d', 'in 1 day'], ['7d', 'in 7 days'], ['30d', 'in 30 days'], ['90d', 'in 90 days'], ['365d', 'in 365 days']] as const

const touches = ['key.list']

/** Makes a key, or changes what a known one may do. */
export function KeyDialog({ known, onClose, onMade }: { known?: ApiKey; onClose: () => void; onMade: (fresh: Fresh) => void }) {
  const id = useId()
  const [draft, setDraft] = useState<Draft>(() => (known ? draftOf(known) : newDraft))
  const [problems, setProblems] = useState<FieldProblem[]>([])
  const create = useChange('key.create', { touches, inline: true })
  const update = useChange('key.update', { touches, inline: true, done: (_out, { name }) => `${name} is changed, from the next call on` })
  const error = create.error ?? update.error
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const found = problemsOf(draft)
    setProblems(found)
    if (found.length > 0 || create.busy || update.busy) return
    if (!known) {
      const made = await create.run(createInput(draft))
      return made && onMade(made)
    }
    const input = updateInput(known, draft)
    if (!input || (await update.run(input))) onClose()
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
      footer={<><Button onPress={onClose}>Cancel</Button><Button kind="primary" type="submit" form={id}>{known ? 'Change' : 'Make the key'}</Button></>}
    >
      <form id={id} className="key-form" onSubmit={(e) => void submit(e)} noValidate>
        {!known && <Field label="Name" hint="of the program that will hold it" {...bind('name')} focus />}
        <Field label="Bearer" hint="client:, agent:, extension: or tenant: and a name" placeholder={known ? '' : 'client: and its name'} {...bind('owner')} />
        <Field label="Tenant" hint="whose tokens it spends" placeholder="the house" {...bind('tenant')} />
        {!known && expires}
        <ModelsField {...bind('models')} />
        <Field label="Calls a minute" placeholder="no limit" numeric {...bind('rpm')} />
        <Field label="Tokens a minute" placeholder="no limit" numeric {...bind('tpm')} />
        {known && expires}
      </form>
      {error ? <TroubleCard error={error} /> : null}
    </Dialog>
  )
}

interface FieldProps {
  label: string
  hint?: string
  placeholder?: string
  value: string
  onChange: (text: string) => void
  problem: string | undefined
  numeric?: boolean
  focus?: boolean
  wide?: boolean
  children?: ReactNode
}

function Field({ label, hint, placeholder, value, onChange, problem, numeric, focus, wide, children }: FieldProps) {
  const id = useId()
  return (
    <div className={wide ? 'field wide' : 'field'}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id} className="input" value={value} placeholder={placeholder} autoFocus={focus} autoComplete="off" spellCheck={false} {...(numeric ? { inputMode: 'numeric' as const } : {})}
        aria-invalid={problem ? true : undefined} aria-describedby={problem || hint ? `${id}-said` : undefined} onChange={(e) => onChange(e.target.value)}
      />
      {(problem || hint) && <span id={`${id}-said`} className={problem ? 'problem' : 'dim'}>{problem ?? hint}</span>}
      {children}
    </div>
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
