// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Output } from '../api/client.ts'
import type { Block, Call, Session } from '../api/words.ts'
import { isTime, nanoseconds, plural, short, span, whole } from '../lib/format.ts'
import { TokensIcon } from '../ui/icons.tsx'
import { Badge, Card, Empty, Loaded, Segments, Time, type Tone } from '../ui/parts.tsx'
import { useNow } from '../units/clock.tsx'

/** Sessions of agents, the blocks in which plans count, the latest calls, and which logs are followed. */
export function Sessions() {
  const sessions = useRead('token.sessions', { limit: 50 }, { every: refreshEvery })
  const blocks = useRead('token.blocks', {}, { every: refreshEvery })
  const telemetry = useRead('telemetry.status', {}, { every: refreshEvery })
  return (
    <>
      <Card title="Blocks of five hours" flush aside={<span className="dim small">as coding agents' plans count them</span>}>
        <Loaded answer={blocks} lines={3}>{(d) => <Blocks blocks={d.blocks ?? []} />}</Loaded>
      </Card>
      <Card title="Sessions" flush aside={<span className="dim small">the last active first</span>}>
        <Loaded answer={sessions} lines={5}>{(d) => <SessionTable sessions={d.sessions ?? []} />}</Loaded>
      </Card>
      <Calls />
      <Card title="Logs of coding agents"><Loaded answer={telemetry} lines={2}>{(t) => <Telemetry telemetry={t} />}</Loaded></Card>
    </>
  )
}

function Blocks({ blocks }: { blocks: Block[] }) {
  const now = useNow()
  if (blocks.length === 0) return <Empty title="No block in the last days">A block begins with the first call after the last one ended.</Empty>
  return (
    <table className="table stacked twin">
      <thead><tr><th>Block</th><th className="right">Calls</th><th className="right">Tokens</th><th className="right">Cost</th><th className="right">A minute</th><th className="right">At its end</th></tr></thead>
      <tbody>
        {blocks.toReversed().map((b) => (
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
            <td className="head"><span className="clip session-name" title={s.session}>{s.session || 'no session'}</span><span className="dim small">{s.source}</span></td>
            <td data-label="Agent">{s.agent || '–'}</td>
            <td data-label="Project"><span className="clip session-name" title={s.project}>{s.project || '–'}</span></td>
            <td data-label="Last active"><Time at={s.last} /></td>
            <td className="right" data-label="Calls">{whole(s.calls)}</td>
            <td className="right" data-label="Tokens">{short(s.total)}</td>
            <td className="right" data-label="Cost">{s.cost}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

const statusTones: Record<string, Tone> = { ok: 'good', cut: 'warn', cancelled: 'still', halted: 'bad', failed: 'bad', orphan: 'warn' }

function Calls() {
  const [which, setWhich] = useState<'all' | 'failed'>('all')
  const calls = useRead('token.calls', { limit: 25, ...(which === 'failed' ? { status: 'failed' as const } : {}) }, { every: refreshEvery })
  return (
    <Card title="The latest calls" flush aside={<Segments label="Which calls" value={which} onChange={setWhich} options={[{ value: 'all', text: 'All' }, { value: 'failed', text: 'Failed' }]} />}>
      <Loaded answer={calls} lines={5}>{(d) => (d.calls?.length ? <CallTable calls={d.calls} /> : <Empty title={which === 'failed' ? 'No call failed' : 'No calls yet'} />)}</Loaded>
    </Card>
  )
}

function CallTable({ calls }: { calls: Call[] }) {
  return (
    <table className="table stacked calls">
      <thead><tr><th>When</th><th>Who</th><th>Model</th><th>Ended</th><th className="right">Tokens</th><th className="right">Cost</th><th className="right">Took</th></tr></thead>
      <tbody>
        {calls.map((c, i) => (
          <tr key={c.request_id || `${c.time} ${i}`}>
            <td className="head"><Time at={c.time} /></td>
            <td data-label="Who"><span className="clip session-name" title={c.caller}>{c.agent || c.key || c.caller || '–'}</span></td>
            <td data-label="Model"><span><code>{c.model}</code>{c.fallback > 0 && <> <Badge tone="warn">fallback {c.fallback}</Badge></>}</span></td>
            <td data-label="Ended"><span><Badge tone={statusTones[c.status] ?? 'still'}>{c.status}</Badge>{c.estimated && <span className="dim small"> estimated</span>}</span></td>
            <td className="right nowrap" data-label="Tokens" title={`${whole(c.input)} input, ${whole(c.cached_read)} cached, ${whole(c.output)} output`}>{short(c.total)}</td>
            <td className="right" data-label="Cost">{c.cost || '?'}</td>
            <td className="right nowrap" data-label="Took">{c.latency_ms > 0 ? nanoseconds(c.latency_ms * 1e6) : '–'}</td>
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
