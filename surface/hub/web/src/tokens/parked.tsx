// SPDX-License-Identifier: Apache-2.0
import { useChange, useRead } from '../api/house.ts'
import type { ParkedCall } from '../api/words.ts'
import { dollars, plural, span, whole } from '../lib/format.ts'
import { secondsLeft } from '../lib/models.ts'
import { Button } from '../ui/button.tsx'
import { CheckIcon, CloseIcon } from '../ui/icons.tsx'
import { Card } from '../ui/parts.tsx'
import { Said } from '../ui/said.tsx'
import { useNow } from '../units/clock.tsx'

const touches = ['budget.parked', 'budget.report', 'budget.history', 'token.summary']

/** The calls that wait because their budget is spent: there only while some do. */
export function Parked() {
  const calls = useRead('budget.parked', {}, { every: 5_000 }).data?.calls ?? []
  if (calls.length === 0) return null
  return (
    <Card title={`${plural(calls.length, 'call waits', 'calls wait')} for you`} flush className="parked">
      <ul className="lines">{calls.map((c) => <Line key={c.id} call={c} />)}</ul>
    </Card>
  )
}

function Line({ call: c }: { call: ParkedCall }) {
  const approve = useChange('budget.approve', { touches, done: () => `The call of ${c.agent || c.caller} goes on` })
  const deny = useChange('budget.deny', { touches, done: () => `The call of ${c.agent || c.caller} is refused` })
  const busy = approve.busy || deny.busy
  const left = secondsLeft(c.until, useNow())
  return (
    <li className="line" data-parked={c.id}>
      <div className="grow">
        <p><strong>{c.agent || c.caller}</strong> asks <code>{c.model}</code> for up to {whole(c.tokens)} tokens{c.usd != null && `, ${dollars(c.usd)}`}</p>
        <p className="dim small"><Said text={c.why} /></p>
      </div>
      <span className="left" role="timer">{span(left)}</span>
      <Button icon={<CloseIcon size={15} />} isDisabled={busy} onPress={() => void deny.run({ id: c.id })}>Deny</Button>
      <Button kind="primary" icon={<CheckIcon size={15} />} isDisabled={busy} onPress={() => void approve.run({ id: c.id })}>Approve</Button>
    </li>
  )
}
