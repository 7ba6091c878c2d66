// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react'

import { useChange } from '../api/house.ts'
import { isHalted } from '../lib/states.ts'
import type { Breaker } from '../api/words.ts'
import { Button } from './button.tsx'
import { confirm } from './confirm.tsx'
import { Dialog } from './dialog.tsx'
import { HaltIcon, PlayIcon } from './icons.tsx'

const touches = ['breaker.status', 'house.status', 'token.summary']

/** Halt, or resume: whichever the breaker's state leaves to do. */
export function BreakerButtons({ breaker }: { breaker: Breaker }) {
  return isHalted(breaker.state) ? <ResumeButton /> : <HaltButton />
}

function HaltButton() {
  const [open, setOpen] = useState(false)
  const [reason, setReason] = useState('')
  const halt = useChange('breaker.halt', { touches, done: () => 'Halted: no model call is let through' })
  const submit = async () => {
    setOpen(false)
    await halt.run({ reason: reason.trim() || 'halted in the Hub' })
    setReason('')
  }
  return (
    <>
      <Button kind="warn" icon={<HaltIcon size={16} />} busy={halt.busy} onPress={() => setOpen(true)}>Halt</Button>
      <Dialog
        open={open} alert onClose={() => setOpen(false)} title="Halt all spending?"
        footer={<><Button onPress={() => setOpen(false)}>Cancel</Button><Button kind="danger" onPress={() => void submit()}>Halt now</Button></>}
      >
        <p className="soft">Every model call and every dispatch is refused until the breaker is resumed. Units go on running.</p>
        <label className="field">
          <span>Reason</span>
          <input
            className="input" value={reason} onChange={(e) => setReason(e.target.value)} placeholder="why, for the journal and for whoever is refused"
            onKeyDown={(e) => e.key === 'Enter' && void submit()}
          />
        </label>
      </Dialog>
    </>
  )
}

function ResumeButton() {
  const resume = useChange('breaker.resume', { touches, done: () => 'Resumed: model calls go through again' })
  const ask = async () => {
    if (await confirm({ title: 'Resume spending?', body: <ResumeText />, yes: 'Resume' })) {
      await resume.run({})
    }
  }
  return <Button kind="primary" icon={<PlayIcon size={16} />} busy={resume.busy} onPress={() => void ask()}>Resume</Button>
}

function ResumeText() {
  return (
    <p className="soft">
      Model calls go through again. The house refuses it while the burn is at a cap, and to whoever is not the owner; the owner's way is a terminal: <code>holdfast breaker resume</code>
    </p>
  )
}
