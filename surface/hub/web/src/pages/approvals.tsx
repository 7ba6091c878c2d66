// SPDX-License-Identifier: Apache-2.0
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'

import { refreshEvery, useChange, useRead } from '../api/house.ts'
import type { Approval } from '../api/words.ts'
import { isTime, plural } from '../lib/format.ts'
import { partOf } from '../lib/paging.ts'
import { plain } from '../lib/shown.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { ApprovalsIcon, CheckIcon, CloseIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Page } from '../ui/page.tsx'
import { Badge, Card, Code, Empty, Loaded, Segments, Time, type Tone } from '../ui/parts.tsx'
import { Short, Shown } from '../ui/shown.tsx'
import { TroubleCard } from '../ui/trouble.tsx'

const kinds = [{ value: 'all', text: 'Both' }, { value: 'action', text: 'Destroying' }, { value: 'tool', text: 'Tool calls' }] as const
type Kind = (typeof kinds)[number]['value']

export function Approvals() {
  const search = useSearch({ from: '/approvals' })
  const navigate = useNavigate({ from: '/approvals' })
  const all = search.state === 'all'
  const kind: Kind = kinds.find((k) => k.value === search.kind)?.value ?? 'all'
  const pending = useRead('approval.list', { state: 'pending' }, { every: refreshEvery })
  const past = useRead('approval.list', { state: 'all' }, { enabled: all })
  const waiting = pending.data?.approvals ?? []
  const to = (next: { state?: string; kind?: string }) => void navigate({ search: next })
  const fitting = (list: Approval[] | null) => (list ?? []).filter((a) => kind === 'all' || a.kind === kind)
  return (
    <Page
      title="Approvals" about={pending.data ? (waiting.length > 0 ? `${plural(waiting.length, 'request waits', 'requests wait')} for a person` : 'Nobody waits for you') : 'Who asks for what a person must allow'}
      actions={
        <Segments label="Which approvals" value={all ? 'all' : 'pending'} onChange={(v) => to({ ...(v === 'all' ? { state: v } : {}), ...(kind === 'all' ? {} : { kind }) })} options={[{ value: 'pending', text: 'Waiting' }, { value: 'all', text: 'All' }]} />
      }
    >
      <div className="filters"><Segments label="Which kind" value={kind} onChange={(v) => to({ ...(all ? { state: 'all' } : {}), ...(v === 'all' ? {} : { kind: v }) })} options={[...kinds]} /></div>
      <Loaded answer={all ? past : pending} lines={5}>{(d) => <List key={`${all} ${kind}`} approvals={fitting(d.approvals)} empty={all ? 'No requests yet' : 'Nothing waits'} />}</Loaded>
    </Page>
  )
}

const size = 20

function List({ approvals, empty }: { approvals: Approval[]; empty: string }) {
  const [page, setPage] = useState(0)
  const part = partOf(approvals, page, size)
  if (approvals.length === 0) {
    return <Card><Empty title={empty} icon={<ApprovalsIcon size={26} />}>When an agent asks for something that destroys, or wants a tool that does not run by itself, it waits here until a person has answered.</Empty></Card>
  }
  return (
    <>
      <ul className="stack">{part.rows.map((a) => <li key={a.id}><ApprovalCard approval={a} /></li>)}</ul>
      <Pager {...part} count={approvals.length} size={size} label="approvals" onPage={setPage} />
    </>
  )
}

const tones: Record<string, Tone> = { pending: 'warn', allowed: 'good', denied: 'bad', expired: 'still' }
const outcomes: Record<string, Tone> = { running: 'calm', done: 'good', failed: 'bad', unknown: 'warn' }

function ApprovalCard({ approval: a }: { approval: Approval }) {
  const over = usePassed(a.expires)
  const state = a.state === 'pending' && over ? 'expired' : a.state
  const open = state === 'pending'
  const call = a.kind === 'tool'
  return (
    <Card className="approval">
      <div className="approval-head">
        <div className="grow">
          {call ? (
            <p className="approval-ask"><strong><Short text={a.subject || a.caller} most={80} /></strong> wants to call <Link to="/tools" search={{ tool: a.action }} className="quiet-link"><code><Short text={a.action} most={80} /></code></Link></p>
          ) : (
            <p className="approval-ask"><strong><Short text={a.caller} most={80} /></strong> asks for <code>{a.action}</code>{a.subject && <> of <strong><Short text={a.subject} most={120} /></strong></>}</p>
          )}
          <p className="dim small">
            {call && <>for <Short text={a.caller} most={80} /> · </>}<code>{a.id}</code> · asked <Time at={a.created} />
            {a.answerer ? <> · answered by <Short text={a.answerer} most={80} /> <Time at={a.answered} /></> : <> · {over ? 'expired' : 'expires'} <Time at={a.expires} /></>}
          </p>
        </div>
        <span className="row">{call ? <Badge tone="calm">tool call</Badge> : <Badge tone="bad">destroys</Badge>}<Badge tone={tones[state] ?? 'still'} dot>{state}</Badge>{a.outcome && <Badge tone={outcomes[a.outcome] ?? 'still'}>{a.outcome === 'unknown' ? 'outcome unknown' : a.outcome}</Badge>}</span>
      </div>
      {a.note && <p className="problem small">{a.note[0].toUpperCase() + a.note.slice(1)}.</p>}
      {a.reason && <p className="note"><Shown text={a.reason} most={1_000} /></p>}
      <Asked approval={a} open={open} />
      {open && <Answer approval={a} />}
    </Card>
  )
}

/** What is asked for. A list has the beginning of it; the whole is fetched for who wants to judge it. */
function Asked({ approval: a, open }: { approval: Approval; open: boolean }) {
  const [whole, setWhole] = useState(false)
  const all = useRead('approval.show', { id: a.id }, { enabled: whole })
  const call = a.kind === 'tool'
  const got = all.data
  return (
    <details className="schema" open={open}>
      <summary>{call ? 'Its arguments, secrets masked' : 'What it asked'}</summary>
      <Code value={got?.input ?? a.input ?? {}} label="Input" />
      {a.cut && !got && <p className="row wrap"><span className="problem small">This is not all of it.</span><Button busy={whole && all.isFetching} onPress={() => (whole ? void all.refetch() : setWhole(true))}>Show the whole</Button></p>}
      {all.error && <TroubleCard error={all.error} />}
      {got?.cut && <p className="problem small">An older version of the house kept no more of it.</p>}
    </details>
  )
}

/** Whether a time has come, while the page stands. */
function usePassed(at: string): boolean {
  const end = isTime(at) ? Date.parse(at) : Infinity
  const [over, setOver] = useState(() => Date.now() >= end)
  useEffect(() => {
    const left = end - Date.now()
    setOver(left <= 0)
    if (left <= 0 || left > 2 ** 31 - 1) return
    const timer = setTimeout(() => setOver(true), left)
    return () => clearTimeout(timer)
  }, [end])
  return over
}

const touches = ['approval.list', 'agent.trace', 'agent.traces', 'house.status', 'tool.list', 'unit.list']

function Answer({ approval }: { approval: Approval }) {
  const [denying, setDenying] = useState(false)
  const [reason, setReason] = useState('')
  const call = approval.kind === 'tool'
  const name = plain(approval.action, 80)
  const allow = useChange('approval.allow', { touches, done: () => (call ? `Allowed: ${name} was called, and its result is kept for who asked` : `Allowed: ${name} was done`) })
  const deny = useChange('approval.deny', { touches, done: () => `Denied ${name}` })
  const submit = async () => {
    setDenying(false)
    await deny.run({ id: approval.id, reason: reason.trim() })
  }
  return (
    <div className="row wrap">
      <span className="dim small grow">{call ? 'Allow makes this call at once, with the standing of whoever asked the agent.' : 'Allow shows the inventory and asks for each category by its name.'}</span>
      <Button icon={<CloseIcon size={15} />} busy={deny.busy} onPress={() => setDenying(true)}>Deny</Button>
      <Button kind="primary" icon={<CheckIcon size={15} />} busy={allow.busy} onPress={() => void allow.run({ id: approval.id })}>{call ? 'Allow the call' : 'Review and allow…'}</Button>
      <Dialog
        open={denying} alert onClose={() => setDenying(false)} title={`Deny ${name}?`}
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
