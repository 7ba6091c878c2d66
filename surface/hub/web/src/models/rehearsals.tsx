// SPDX-License-Identifier: Apache-2.0
import { useState, type FormEvent } from 'react'

import { useChange } from '../api/house.ts'
import type { Policy, Rehearsal } from '../api/words.ts'
import { plural, span } from '../lib/format.ts'
import { chainOf, faults, secondsLeft, type Fault } from '../lib/models.ts'
import { Button } from '../ui/button.tsx'
import { PlayIcon } from '../ui/icons.tsx'
import { Card } from '../ui/parts.tsx'
import { useNow } from '../units/clock.tsx'
import { touches } from './cooldowns.tsx'

const spans = ['30s', '1m', '2m', '5m', '15m']
/** What a provider that is rate limited says about when to come again. */
const rests = ['30s', '2m', '10m']

/** Lets a model seem to fail, so that the way back is seen before it is needed. */
export function Rehearsals({ policy, busy, onCall }: { policy: Policy; busy: boolean; onCall: (alias: string) => void }) {
  const aliases = (policy.aliases ?? []).map((a) => a.alias)
  const [alias, setAlias] = useState('')
  const [fault, setFault] = useState<Fault>('429')
  const [time, setTime] = useState('1m')
  const [rest, setRest] = useState('')
  const [steps, setSteps] = useState(1)
  const chosen = alias || aliases[0] || ''
  const longest = chainOf(chosen, policy.aliases ?? []).length
  const start = useChange('gateway.rehearse', { touches, done: () => `${chosen} seems to fail for ${time}` })
  const end = useChange('gateway.end_rehearsal', { touches, done: () => 'The rehearsal is over' })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void start.run({ alias: chosen, fault, for: time, ...(longest > 1 ? { steps: Math.min(steps, longest) } : {}), ...(fault === '429' && rest ? { retry_after: rest } : {}) })
  }
  return (
    <Card title="Rehearse a failure" className="rehearse">
      <form className="rehearse-form" onSubmit={submit}>
        <label className="field"><span>Alias</span><select className="input" value={chosen} onChange={(e) => setAlias(e.target.value)}>{aliases.map((a) => <option key={a}>{a}</option>)}</select></label>
        <label className="field"><span>Fault</span><select className="input" value={fault} onChange={(e) => setFault(e.target.value as Fault)}>{faults.map((f) => <option key={f.value} value={f.value}>{f.text}</option>)}</select></label>
        <label className="field"><span>For</span><select className="input" value={time} onChange={(e) => setTime(e.target.value)}>{spans.map((s) => <option key={s}>{s}</option>)}</select></label>
        <label className="field"><span>Says: again in</span><select className="input" value={rest} disabled={fault !== '429'} onChange={(e) => setRest(e.target.value)}><option value="">nothing</option>{rests.map((s) => <option key={s}>{s}</option>)}</select></label>
        {longest > 1 && <label className="field"><span>How many fail</span><select className="input" value={Math.min(steps, longest)} onChange={(e) => setSteps(Number(e.target.value))}>{Array.from({ length: longest }, (_, i) => <option key={i} value={i + 1}>{i === 0 ? 'the first' : i + 1 === longest ? `all ${longest}` : `the first ${i + 1}`}</option>)}</select></label>}
        <Button type="submit" icon={<PlayIcon size={15} />} busy={start.busy} isDisabled={chosen === ''}>Rehearse</Button>
      </form>
      <ul className="rehearsals">
        {(policy.rehearsals ?? []).map((r) => <Running key={r.fault + r.since} rehearsal={r} busy={end.busy} calling={busy} onCall={onCall} onEnd={(name) => void end.run({ name })} />)}
      </ul>
      <p className="dim small">Models of the alias seem to fail in the live house. Calls fall back for real, nothing is spent on what fails.</p>
    </Card>
  )
}

function Running({ rehearsal: r, busy, calling, onCall, onEnd }: { rehearsal: Rehearsal; busy: boolean; calling: boolean; onCall: (name: string) => void; onEnd: (name: string) => void }) {
  const left = secondsLeft(r.until, useNow())
  const name = r.alias || (r.models ?? [])[0] || ''
  return (
    <li className="note warn row wrap">
      <span className="grow"><strong>{r.fault}</strong> at {(r.models ?? []).join(', ')} · {span(left)} more · {plural(r.calls, 'call')} met it</span>
      <Button isDisabled={calling} onPress={() => onCall(name)} aria-label={`Send a call to ${name}`}>Send a call</Button>
      <Button isDisabled={busy} onPress={() => onEnd(name)} aria-label={`End the rehearsal of ${name}`}>End</Button>
    </li>
  )
}
