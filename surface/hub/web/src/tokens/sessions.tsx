// SPDX-License-Identifier: Apache-2.0
import { Link } from '@tanstack/react-router'
import { useDeferredValue, useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Output } from '../api/client.ts'
import type { Block, Session } from '../api/words.ts'
import { isTime, plural, short, span, whole } from '../lib/format.ts'
import { askFor, partOf } from '../lib/paging.ts'
import { TokensIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Badge, Card, Empty, Loaded, Search, Segments, Time } from '../ui/parts.tsx'
import { useNow } from '../units/clock.tsx'
import { Calls } from './calls.tsx'

const size = 25
const most = 10_000
const spans = [{ value: '24h', text: '24 h' }, { value: '7d', text: '7 days' }, { value: '30d', text: '30 days' }, { value: '365d', text: 'A year' }] as const
type Span = (typeof spans)[number]['value']

/** Sessions of agents, the blocks in which plans count, the latest calls, and which logs are followed. */
export function Sessions() {
  const telemetry = useRead('telemetry.status', {}, { every: refreshEvery })
  return (
    <>
      <BlockCard />
      <SessionCard />
      <Calls />
      <Card title="Logs of coding agents"><Loaded answer={telemetry} lines={2}>{(t) => <Telemetry telemetry={t} />}</Loaded></Card>
    </>
  )
}

const blocksShown = 5

function BlockCard() {
  const blocks = useRead('token.blocks', {}, { every: refreshEvery })
  const [page, setPage] = useState(0)
  const list = (blocks.data?.blocks ?? []).toReversed()
  return (
    <Card title="Blocks of five hours" flush aside={<span className="dim small">as coding agents' plans count them</span>}>
      <Loaded answer={blocks} lines={3}>
        {() => <><Blocks blocks={partOf(list, page, blocksShown).rows} /><Pager {...partOf(list, page, blocksShown)} count={list.length} size={blocksShown} label="blocks" onPage={setPage} /></>}
      </Loaded>
    </Card>
  )
}

function SessionCard() {
  const [since, setSince] = useState<Span>('7d')
  const [agent, setAgent] = useState('')
  const [page, setPage] = useState(0)
  const wanted = useDeferredValue(agent.trim())
  const limit = askFor(page, size, most)
  const answer = useRead('token.sessions', { since, limit, ...(wanted ? { agent: wanted } : {}) }, { every: refreshEvery })
  const sessions = answer.data?.sessions ?? []
  return (
    <Card
      title="Sessions" flush className="sessions-card"
      aside={
        <>
          <Search value={agent} onChange={(text) => { setAgent(text); setPage(0) }} label="Agent, by its whole name" />
          <Segments label="Active since" value={since} options={[...spans]} onChange={(s) => { setSince(s); setPage(0) }} />
        </>
      }
    >
      <Loaded answer={answer} lines={5}>
        {() => (
          <>
            <SessionTable sessions={partOf(sessions, page, size).rows} />
            <Pager {...partOf(sessions, page, size)} count={sessions.length} more={sessions.length === limit && limit < most} size={size} label="sessions" onPage={setPage} />
          </>
        )}
      </Loaded>
    </Card>
  )
}

function Blocks({ blocks }: { blocks: Block[] }) {
  const now = useNow()
  if (blocks.length === 0) return <Empty title="No block in the last days">A block begins with the first call after the last one ended.</Empty>
  return (
    <table className="table stacked twin">
      <thead><tr><th>Block</th><th className="right">Calls</th><th className="right">Tokens</th><th className="right">Cost</th><th className="right">A minute</th><th className="right">At its end</th></tr></thead>
      <tbody>
        {blocks.map((b) => (
          <tr key={b.start}>
            <td className="head"><span className="row wrap"><strong>{when(b.start)} – {hour(b.end)}</strong>{b.active && <Badge tone="good" dot>ends in {span((Date.parse(b.end) - now) / 1000)}</Badge>}</span></td>
            <td className="right" data-label="Calls">{whole(b.calls)}</td>
            <td className="right" data-label="Tokens">{short(b.total)}</td>
            <td className="right" data-label="Cost">{b.cost}</td>
            <td className="right" data-label="A minute">{b.active ? short(b.tokens_per_minute) : '–'}</td>
            <td className="right" data-label="At its end">{b.active ? `about ${short(b.projected)}` : '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

const when = (time: string): string => new Date(time).toLocaleString('en-GB', { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
const hour = (time: string): string => new Date(time).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })

function SessionTable({ sessions }: { sessions: Session[] }) {
  if (sessions.length === 0) return <Empty title="No sessions yet" icon={<TokensIcon size={26} />}>Calls that name their session, and those of coding agents, show here.</Empty>
  return (
    <table className="table stacked twin">
      <thead><tr><th>Session</th><th>Agent</th><th>Project</th><th>Last active</th><th className="right">Calls</th><th className="right">Tokens</th><th className="right">Cost</th></tr></thead>
      <tbody>
        {sessions.map((s) => (
          <tr key={s.source + s.session}>
            <td className="head"><Link to="/tokens" search={{ view: 'usage', by: 'model', session: s.session, from: s.first.slice(0, 10), to: s.last.slice(0, 10) }} className="clip session-name quiet-link" title={s.session}>{s.session || 'no session'}</Link><span className="dim small">{s.source}</span></td>
            <td data-label="Agent">{s.agent || '–'}</td>
            <td data-label="Project"><span className="clip session-name" title={s.project}>{s.project || '–'}</span></td>
            <td data-label="Last active"><Time at={s.last} /></td>
            <td className="right" data-label="Calls">{whole(s.calls)}</td>
            <td className="right" data-label="Tokens">{short(s.total)}</td>
            <td className="right" data-label="Cost">{s.unpriced > 0 && s.unpriced === s.calls ? '?' : s.cost}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Telemetry({ telemetry: t }: { telemetry: Output<'telemetry.status'> }) {
  if (t.state === 'off') return <p className="soft">Logs of coding agents are not followed: <code>telemetry</code> in <code>holdfast.yaml</code> is off.</p>
  return (
    <div className="stack small">
      <p className="soft">{plural(t.files, 'file')} in {plural(t.folders?.length ?? 0, 'folder')}, {plural(t.calls, 'call')} found{isTime(t.looked) && <> · looked <Time at={t.looked} /></>}{t.took && ` in ${t.took}`}</p>
      {(t.problems ?? []).map((p) => <p key={p} className="note warn">{p}</p>)}
      <details className="schema"><summary>Where it looks</summary><ul className="stack-tight">{(t.folders ?? []).map((f) => <li key={f.path}><span className="dim">{f.agent}</span> <code>{f.path}</code></li>)}</ul></details>
    </div>
  )
}
