// SPDX-License-Identifier: Apache-2.0
import { useId, useState, type FormEvent } from 'react'

import { useChange } from '../api/house.ts'
import { draftOfScope, emptyBudget, limits, limitWords, setInput, type BudgetDraft, type BudgetProblem } from '../lib/budgets.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { TroubleCard } from '../ui/trouble.tsx'

const kinds = ['house', 'tenant', 'agent', 'key'] as const

/** Sets limits of a scope; what is left empty stays as it is. */
export function SetBudget({ scope, onClose }: { scope: string; onClose: () => void }) {
  const id = useId()
  const [draft, setDraft] = useState<BudgetDraft>(() => (scope ? draftOfScope(scope) : emptyBudget))
  const [problems, setProblems] = useState<BudgetProblem[]>([])
  const set = useChange('budget.set', { touches: ['budget.report', 'budget.history', 'budget.parked'], inline: true, done: (out) => `The budget of ${out.scope} is set` })
  const change = (more: Partial<BudgetDraft>) => setDraft((old) => ({ ...old, ...more }))
  const problem = (field: string) => problems.find((p) => p.field === field)?.message
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const read = setInput(draft)
    setProblems(read.problems)
    if (read.problems.length === 0 && !set.busy && (await set.run(read.input))) onClose()
  }
  return (
    <Dialog
      open alert wide onClose={onClose} title={scope ? `Budget of ${scope}` : 'Set a budget'}
      footer={<><Button onPress={onClose}>Cancel</Button><Button kind="primary" type="submit" form={id}>Set</Button></>}
    >
      <form id={id} className="stack" onSubmit={(e) => void submit(e)} noValidate>
        {!scope && (
          <div className="pair">
            <label className="field"><span>Whose</span><select className="input" value={draft.kind} onChange={(e) => change({ kind: e.target.value as BudgetDraft['kind'] })}>{kinds.map((k) => <option key={k}>{k}</option>)}</select></label>
            {draft.kind !== 'house' && <Box label={`Name of the ${draft.kind}`} value={draft.name} onChange={(name) => change({ name })} problem={problem('name')} />}
          </div>
        )}
        <p className="soft small">What is left empty stays as it is. 0 allows nothing.</p>
        <div className="pair">
          {limits.map((l) => (
            <Box key={l} label={capital(limitWords(l))} value={draft.limits[l] ?? ''} onChange={(text) => change({ limits: { ...draft.limits, [l]: text } })} problem={problem(l)} numeric />
          ))}
        </div>
        <label className="field">
          <span>At the limit</span>
          <select className="input" value={draft.at} onChange={(e) => change({ at: e.target.value as BudgetDraft['at'] })}>
            <option value="">as it is</option>
            <option value="refuse">calls are refused</option>
            <option value="park">calls wait until you approve them</option>
          </select>
        </label>
      </form>
      {set.error ? <TroubleCard error={set.error} /> : null}
    </Dialog>
  )
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function Box({ label, value, onChange, problem, numeric = false }: { label: string; value: string; onChange: (text: string) => void; problem: string | undefined; numeric?: boolean }) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id} className="input" value={value} autoComplete="off" placeholder={numeric ? 'as it is' : undefined} inputMode={numeric ? 'decimal' : 'text'}
        aria-invalid={problem ? true : undefined} aria-describedby={problem ? `${id}-problem` : undefined} onChange={(e) => onChange(e.target.value)}
      />
      {problem && <span id={`${id}-problem`} className="problem">{problem}</span>}
    </div>
  )
}
