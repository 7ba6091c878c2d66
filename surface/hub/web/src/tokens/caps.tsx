// SPDX-License-Identifier: Apache-2.0
import { useId, useState, type FormEvent } from 'react'

import { useChange } from '../api/house.ts'
import { capsCommand, capsDraft, capsInput, type CapsDraft, type CapsProblem, type Thresholds } from '../lib/caps.ts'
import { breakerTouches, OwnersWay, WhoseFields } from '../ui/breaker.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { TroubleCard } from '../ui/trouble.tsx'

/** Changes the breaker's lines: the house's ("house"), those of a tenant or key, or of one that has none yet (""). */
export function CapsDialog({ scope, thresholds, onClose }: { scope: string; thresholds: Thresholds; onClose: () => void }) {
  const id = useId()
  const [draft, setDraft] = useState<CapsDraft>(() => ({ ...capsDraft(scope, thresholds), ...(scope === '' ? { kind: 'key' as const, hard_cap_per_hour: '', hard_cap_per_day: '' } : {}) }))
  const [problems, setProblems] = useState<CapsProblem[]>([])
  const change = useChange('breaker.set_thresholds', { touches: breakerTouches, inline: true, done: () => 'The lines are changed, from now on' })
  const read = capsInput(draft, thresholds)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setProblems(read.problems)
    if (read.problems.length === 0 && !change.busy && (await change.run(read.input))) onClose()
  }
  const set = (more: Partial<CapsDraft>) => setDraft((old) => ({ ...old, ...more }))
  const line = (field: 'hard_cap_per_hour' | 'hard_cap_per_day' | 'soft_cap_pct' | 'hard_cap_pct' | 'cooldown_hours' | 'blind_seconds', label: string, hint?: string) => (
    <Field label={label} hint={hint} value={draft[field]} onChange={(text) => set({ [field]: text })} problem={problems.find((p) => p.field === field)?.message} placeholder={draft.kind === 'house' ? undefined : 'none of its own'} numeric />
  )
  const house = draft.kind === 'house'
  return (
    <Dialog
      open alert wide onClose={onClose} title={house ? 'Change the lines' : scope ? `Caps of ${scope}` : 'Caps for one tenant or key'}
      footer={<><Button onPress={onClose}>Cancel</Button><Button kind="primary" type="submit" form={id} busy={change.busy}>Change</Button></>}
    >
      <form id={id} className="stack" onSubmit={(e) => void submit(e)} noValidate>
        {scope === '' && <WhoseFields who={draft} onChange={set} problem={problems.find((p) => p.field === 'name')?.message} />}
        <div className="pair two">
          {line('hard_cap_per_hour', 'Tokens in a sliding hour')}
          {line('hard_cap_per_day', 'Tokens in a sliding day')}
          {house && <>{line('soft_cap_pct', 'Warns at, in percent')}{line('hard_cap_pct', 'Halts at, in percent')}{line('cooldown_hours', 'Hours a HALT rests', 'before it may end by itself')}{line('blind_seconds', 'Seconds without a judge', 'before calls are refused')}</>}
        </div>
        {house && (
          <>
            <label className="tick"><input type="checkbox" checked={draft.cut_streams} onChange={(e) => set({ cut_streams: e.target.checked })} /><span>A HALT cuts the streams under way</span></label>
            <label className="tick"><input type="checkbox" checked={draft.notify_only} onChange={(e) => set({ notify_only: e.target.checked })} /><span>Disarmed: tell and never halt</span></label>
          </>
        )}
      </form>
      {read.problems.length === 0 && <OwnersWay command={capsCommand(read.input)} />}
      {change.error ? <TroubleCard error={change.error} /> : null}
    </Dialog>
  )
}
