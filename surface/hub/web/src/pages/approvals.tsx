// SPDX-License-Identifier: Apache-2.0
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'

import { refreshEvery, useChange, useRead } from '../api/house.ts'
import type { Approval } from '../api/words.ts'
import { plural } from '../lib/format.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { ApprovalsIcon, CheckIcon, CloseIcon } from '../ui/icons.tsx'
import { Badge, Card, Code, Empty, Loaded, Page, Segments, Time, type Tone } from '../ui/parts.tsx'

export function Approvals() {
  const { state } = useSearch({ from: '/approvals' })
  const navigate = useNavigate({ from: '/approvals' })
  const all = state === 'all'
  const pending = useRead('approval.list', { state: 'pending' }, { every: refreshEvery })
  const past = useRead('approval.list', { state: 'all' }, { enabled: all })
  const waiting = pending.data?.approvals ?? []
  return (
    <Page
      title="Approvals" about={pending.data ? (waiting.length > 0 ? `${plural(waiting.length, 'request waits', 'requests wait')} for a person` : 'Nobody waits for you') : 'Who asks to destroy something'}
      actions={
        <Segments label="Which approvals" value={all ? 'all' : 'pending'} onChange={(v) => void navigate({ search: v === 'all' ? { state: 'all' } : {} })} options={[{ value: 'pending', text: 'Waiting' }, { value: 'all', text: 'All' }]} />
      }
    >
      {all ? (
        <Loaded answer={past} lines={6}>{(d) => <List approvals={d.approvals ?? []} empty="No requests yet" />}</Loaded>
      ) : (
        <Loaded answer={pending} lines={4}>{(d) => <List approvals={d.approvals ?? []} empty="Nothing waits" />}</Loaded>
      )}
    </Page>
  )
}

function List({ approvals, empty }: { approvals: Approval[]; empty: string }) {
  if (approvals.length === 0) {
    return <Card><Empty title={empty} icon={<ApprovalsIcon size={26} />}>When an agent asks for something that destroys, it waits here until a person has answered.</Empty></Card>
  }
  return <ul className="stack">{approvals.map((a) => <li key={a.id}><ApprovalCard approval={a} /></li>)}</ul>
}

const tones: Record<string, Tone> = { pending: 'warn', allowed: 'good', denied: 'bad', expired: 'still' }

function ApprovalCard({ approval: a }: { approval: Approval }) {
  const open = a.state === 'pending'
  return (
    <Card className="approval">
      <div className="approval-head">
        <div className="grow">
          <p className="approval-ask"><strong>{a.caller}</strong> asks for <code>{a.action}</code>{a.subject && <> of <strong>{a.subject}</strong></>}</p>
          <p className="dim small">
            <code>{a.id}</code> · asked <Time at={a.created} />
            {open ? <> · expires <Time at={a.expires} /></> : a.answerer ? <> · answered by {a.answerer} <Time at={a.answered} /></> : null}
          </p>
        </div>
        <Badge tone={tones[a.state] ?? 'still'} dot>{a.state}</Badge>
      </div>
      {a.reason && <p className="note">{a.reason}</p>}
      <details className="schema" open={open}><summary>What it asked</summary><Code value={a.input ?? {}} label="Input" /></details>
      {open && <Answer approval={a} />}
    </Card>
  )
}

const touches = ['approval.list', 'house.status', 'tool.list', 'unit.list']

function Answer({ approval }: { approval: Approval }) {
  const [denying, setDenying] = useState(false)
  const [reason, setReason] = useState('')
  const allow = useChange('approval.allow', { touches, done: () => `Allowed: ${approval.action} was done` })
  const deny = useChange('approval.deny', { touches, done: () => `Denied ${approval.action}` })
  const submit = async () => {
    setDenying(false)
    await deny.run({ id: approval.id, reason: reason.trim() })
  }
  return (
    <div className="row wrap">
      <span className="dim small grow">Allow shows the inventory and asks for each category by its name.</span>
      <Button icon={<CloseIcon size={15} />} busy={deny.busy} onPress={() => setDenying(true)}>Deny</Button>
      <Button kind="primary" icon={<CheckIcon size={15} />} busy={allow.busy} onPress={() => void allow.run({ id: approval.id })}>Review and allow…</Button>
      <Dialog
        open={denying} alert onClose={() => setDenying(false)} title={`Deny ${approval.action}?`}
        footer={<><Button onPress={() => setDenying(false)}>Cancel</Button><Button kind="danger" onPress={() => void submit()}>Deny</Button></>}
      >
        <label className="field">
          <span>Reason <span className="dim">told to whoever asked</span></span>
          <input className="input" value={reason} maxLength={500} onChange={(e) => setReason(e.target.value)} onKeyDown={(e) => e.key === 'Enter' && void submit()} />
        </label>
      </Dialog>
    </div>
  )
}
