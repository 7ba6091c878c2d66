// SPDX-License-Identifier: Apache-2.0
import { useId, useState, type FormEvent } from 'react'

import { refreshEvery, useChange, useRead } from '../api/house.ts'
import type { Breaker } from '../api/words.ts'
import { resumeCommand, scopeOf, type CapsDraft } from '../lib/caps.ts'
import { isTime } from '../lib/format.ts'
import { isHalted } from '../lib/states.ts'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'
import { Field } from './field.tsx'
import { HaltIcon, PlayIcon } from './icons.tsx'
import { Code, Time } from './parts.tsx'
import { TroubleCard } from './trouble.tsx'

export const breakerTouches = ['breaker.status', 'breaker.history', 'breaker.thresholds', 'house.status', 'token.summary', 'model.policy']

/** Halt, or resume: whichever the breaker's state leaves to do. */
export function BreakerButtons({ breaker }: { breaker: Breaker }) {
  return isHalted(breaker.state) ? <ResumeButton /> : <HaltButton />
}

function HaltButton() {
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button kind="warn" icon={<HaltIcon size={16} />} onPress={() => setOpen(true)}>Halt</Button>
      {open && <HaltDialog onClose={() => setOpen(false)} />}
    </>
  )
}

/** Halts the house, or one tenant or key. What was written stays until it is done. */
export function HaltDialog({ scope, choose = false, onClose }: { scope?: string; choose?: boolean; onClose: () => void }) {
  const id = useId()
  const [who, setWho] = useState<Pick<CapsDraft, 'kind' | 'name'>>({ kind: 'key', name: '' })
  const [missing, setMissing] = useState('')
  const [reason, setReason] = useState('')
  const target = scope ?? (choose ? scopeOf(who) : '')
  const halt = useChange('breaker.halt', { touches: breakerTouches, inline: true, done: () => (target ? `${target} is halted: its calls are refused` : 'Halted: no model call is let through') })
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const unnamed = choose && who.name.trim() === ''
    setMissing(unnamed ? `which ${who.kind}?` : '')
    if (unnamed || halt.busy) return
    if (await halt.run({ reason: reason.trim() || 'halted in the Hub', ...(target ? { scope: target } : {}) })) onClose()
  }
  return (
    <Dialog
      open alert onClose={onClose} title={scope ? `Halt ${scope}?` : choose ? 'Halt one tenant or key' : 'Halt all spending?'}
      footer={<><Button onPress={onClose}>Cancel</Button><Button kind="danger" type="submit" form={id} busy={halt.busy}>Halt now</Button></>}
    >
      <p className="soft">{target || choose ? 'Its model calls are refused until it is resumed. Nobody else is halted.' : 'Every model call and every dispatch is refused until the breaker is resumed. Units go on running.'}</p>
      <form id={id} className="stack" onSubmit={(e) => void submit(e)} noValidate>
        {choose && <WhoseFields who={who} onChange={setWho} problem={missing || undefined} />}
        <Field label="Reason" value={reason} onChange={setReason} placeholder="why, for the journal and for whoever is refused" focus={!choose} />
      </form>
      {halt.error ? <TroubleCard error={halt.error} /> : null}
    </Dialog>
  )
}

/** Which tenant or key is meant. Keys are known by name; so are the tenants of keys. */
export function WhoseFields({ who, onChange, problem }: { who: Pick<CapsDraft, 'kind' | 'name'>; onChange: (who: { kind: 'tenant' | 'key'; name: string }) => void; problem?: string | undefined }) {
  const keys = useRead('key.list', {}).data?.keys ?? []
  const kind = who.kind === 'tenant' ? 'tenant' : 'key'
  const names = kind === 'key' ? keys.map((k) => k.name) : [...new Set(keys.flatMap((k) => (k.tenant ? [k.tenant] : [])))]
  return (
    <div className="pair two">
      <label className="field"><span>Whose</span><select className="input" value={kind} onChange={(e) => onChange({ kind: e.target.value as 'key', name: '' })}><option>key</option><option>tenant</option></select></label>
      <Field label={`Name of the ${kind}`} value={who.name} onChange={(name) => onChange({ kind, name })} problem={problem} options={names} />
    </div>
  )
}

export function ResumeButton({ scope = '' }: { scope?: string }) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button kind="primary" icon={<PlayIcon size={16} />} onPress={() => setOpen(true)} {...(scope ? { 'aria-label': `Resume ${scope}` } : {})}>Resume</Button>
      {open && <ResumeDialog scope={scope} onClose={() => setOpen(false)} />}
    </>
  )
}

function ResumeDialog({ scope, onClose }: { scope: string; onClose: () => void }) {
  const [force, setForce] = useState(false)
  const resume = useChange('breaker.resume', { touches: breakerTouches, inline: true, done: () => `Resumed: ${scope ? `calls of ${scope}` : 'model calls'} go through again` })
  const submit = async () => {
    if (!resume.busy && (await resume.run({ ...(scope ? { scope } : {}), ...(force ? { force } : {}) }))) onClose()
  }
  return (
    <Dialog open alert onClose={onClose} title={scope ? `Resume ${scope}?` : 'Resume spending?'} footer={<><Button onPress={onClose}>Cancel</Button><Button kind="primary" busy={resume.busy} onPress={() => void submit()}>Resume</Button></>}>
      <p className="soft">Model calls go through again. The house refuses it while the burn is at a cap.</p>
      <label className="tick"><input type="checkbox" checked={force} onChange={(e) => setForce(e.target.checked)} /><span>Resume although the burn is at a cap; judging then rests for one hour</span></label>
      <OwnersWay command={resumeCommand(scope, force)} />
      {resume.error ? <TroubleCard error={resume.error} /> : null}
    </Dialog>
  )
}

/** What is the owner's is done in a terminal by whoever logged in here as an operator. */
export function OwnersWay({ command }: { command: string }) {
  return (
    <div className="stack owners">
      <p className="dim small">It is the owner's to do. A session of the Hub is an operator's, which the house refuses; the owner's way is a terminal:</p>
      <Code value={command} label="The owner's command" />
    </div>
  )
}

/** Says on every page that HALT stands, why and until when. */
export function HaltBanner() {
  const breaker = useRead('breaker.status', {}, { every: refreshEvery }).data
  if (!breaker || !isHalted(breaker.state)) return null
  return (
    <div className="halt-banner" role="status">
      <HaltIcon size={20} />
      <p className="grow"><strong>HALT stands{isTime(breaker.since) && <> since <Time at={breaker.since} /></>}.</strong> {breaker.reason} <span className="soft">Model calls and dispatches are refused{isTime(breaker.cooldown_until) ? <>; it may end by itself <Time at={breaker.cooldown_until} /></> : ' until it is resumed'}.</span></p>
      <ResumeButton />
    </div>
  )
}
