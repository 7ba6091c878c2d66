// SPDX-License-Identifier: Apache-2.0
import { useId, useState, type FormEvent } from 'react'

import { useChange, useRead } from '../api/house.ts'
import type { Budget } from '../api/words.ts'
import { amount, draftOfScope, emptyBudget, limits, limitWords, setInput, type BudgetDraft, type BudgetProblem } from '../lib/budgets.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { TroubleCard } from '../ui/trouble.tsx'

const kinds = ['house', 'tenant', 'agent', 'key'] as const

/** Sets limits of a scope; what is left empty stays as it is. */
export function SetBudget({ scope, known, onClose }: { scope: string; known: Budget[]; onClose: () => void }) {
  const id = useId()
  const [draft, setDraft] = useState<BudgetDraft>(() => (scope ? draftOfScope(scope) : emptyBudget))
  const [problems, setProblems] = useState<BudgetProblem[]>([])
  const set = useChange('budget.set', { touches: ['budget.report', 'budget.history', 'budget.parked'], inline: true, done: (out) => `The budget of ${out.scope} is set` })
  const change = (more: Partial<BudgetDraft>) => setDraft((old) => ({ ...old, ...more }))
  const problem = (field: string) => problems.find((p) => p.field === field)?.message
  const names = useNames()
  const now = (limit: string) => {
    const line = known.find((b) => b.limit === limit)
    return line ? `now ${amount(limit, line.quota)}` : 'none now'
  }
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const read = setInput(draft)
    setProblems(read.problems)
    if (read.problems.length === 0 && !set.busy && (await set.run(read.input))) onClose()
  }
  return (
    <Dialog
      open alert wide onClose={onClose} title={scope ? `Budget of ${scope}` : 'Set a budget'}
      footer={<><Button onPress={onClose}>Cancel</Button><Button kind="primary" type="submit" form={id} busy={set.busy}>Set</Button></>}
    >
      <form id={id} className="stack" onSubmit={(e) => void submit(e)} noValidate>
        {!scope && (
          <div className="pair">
            <label className="field"><span>Whose</span><select className="input" value={draft.kind} onChange={(e) => change({ kind: e.target.value as BudgetDraft['kind'] })}>{kinds.map((k) => <option key={k}>{k}</option>)}</select></label>
            {draft.kind !== 'house' && <Field label={`Name of the ${draft.kind}`} value={draft.name} onChange={(name) => change({ name })} problem={problem('name')} options={names[draft.kind]} />}
          </div>
        )}
        <p className="soft small">What is left empty stays as it is. 0 allows nothing.</p>
        <div className="pair">
          {limits.map((l) => (
            <Field key={l} label={capital(limitWords(l))} value={draft.limits[l] ?? ''} onChange={(text) => change({ limits: { ...draft.limits, [l]: text } })} problem={problem(l)} placeholder={now(l)} numeric />
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

/** Who may be meant, as far as the house knows them. */
function useNames(): Record<string, string[]> {
  const keys = useRead('key.list', {}).data?.keys ?? []
  const agents = useRead('token.usage', { by: 'agent', since: '30d' }).data?.rows ?? []
  return { key: keys.map((k) => k.name), tenant: [...new Set(keys.flatMap((k) => (k.tenant ? [k.tenant] : [])))], agent: agents.map((r) => r.name).filter((n) => n !== '' && !n.includes(':')) }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
