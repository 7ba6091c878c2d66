// SPDX-License-Identifier: Apache-2.0
import { Link } from '@tanstack/react-router'
import { useRef, useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { AgentTool } from '../api/words.ts'
import { amount, quotaWords } from '../lib/budgets.ts'
import { shareOf } from '../lib/burn.ts'
import { percent, plural, short, span, whole } from '../lib/format.ts'
import { partOf } from '../lib/paging.ts'
import { plain } from '../lib/shown.ts'
import { Drawer } from '../ui/dialog.tsx'
import { Pager } from '../ui/pager.tsx'
import { Badge, Code, Empty, Loaded, Search, Segments } from '../ui/parts.tsx'
import { Short } from '../ui/shown.tsx'
import { TraceTable } from './traces.tsx'

/** All that is to know of one agent: what it may do, with what, and within which bounds. */
export function AgentDrawer({ name, onClose, onTrace }: { name: string | undefined; onClose: () => void; onTrace: (id: string) => void }) {
  const last = useRef(name)
  if (name) last.current = name
  const shown = last.current
  return <Drawer wide open={!!name} onClose={onClose} title={<Short text={shown} most={80} />}>{shown && <Body key={shown} name={shown} onTrace={onTrace} />}</Drawer>
}

function Body({ name, onTrace }: { name: string; onTrace: (id: string) => void }) {
  const answer = useRead('agent.show', { name }, { every: refreshEvery })
  return (
    <div className="drawer-body stack agent-page">
      <Loaded answer={answer} lines={8}>
        {(a) => (
          <>
            <p className="row wrap">
              <Badge tone="calm">{a.is_preset ? 'preset' : a.home ? 'of the home' : 'built in'}</Badge>
              {a.base_agent !== a.name && a.base_agent && <span className="soft small">made of <code><Short text={a.base_agent} most={80} /></code></span>}
              {a.alias && <span className="soft small">asks <code><Short text={a.alias} most={80} /></code></span>}
            </p>
            {a.problem && <p className="note bad"><Short text={a.problem} most={600} /></p>}
            <dl className="facts">
              <div className="wide"><dt>Tier</dt><dd><Short text={a.tier} most={200} /></dd></div>
              {!a.home && <div><dt>May call</dt><dd>{plural(a.tools?.length ?? 0, 'tool')}</dd></div>}
              {!a.home && <div><dt>Run unasked</dt><dd>{whole(a.alone)}</dd></div>}
              {!a.home && <div><dt>Wait for approval</dt><dd>{whole(a.asks)}{a.asks > 0 && <span className="dim small"> for {span(a.approval_seconds)}</span>}</dd></div>}
              {!a.home && <div><dt>Destroy</dt><dd>{a.destroy > 0 ? <span className="problem">{whole(a.destroy)}</span> : 'none'}</dd></div>}
            </dl>
            <section><h3>Budget</h3><Spending name={a.name} request={a.request} /></section>
            <section>
              <h3>Secrets</h3>
              {(a.secrets ?? []).length === 0 ? <p className="soft small">Neither it nor the servers of its tools are given any.</p> : (
                <ul className="secrets">{(a.secrets ?? []).map((s) => <li key={`${s.key} ${s.who}`}><code><Short text={s.key} most={80} /></code><span className="dim small">given to <Short text={s.who} most={80} /></span>{s.set ? <Badge tone="good">set</Badge> : <Badge tone="warn">not set</Badge>}</li>)}</ul>
              )}
            </section>
            <section><h3>Sandbox</h3><Box kind={a.sandbox.kind} network={a.sandbox.network} read={a.sandbox.read ?? []} write={a.sandbox.write ?? []} /></section>
            {a.system_prompt && <section><h3>What it is told first</h3><Code value={a.system_prompt} label="System prompt" /></section>}
            {!a.home && <section><h3>What it may do</h3><May tools={a.tools ?? []} /></section>}
            <section><h3>Newest requests</h3>{(a.last_traces ?? []).length === 0 ? <p className="soft small">None yet.</p> : <TraceTable traces={a.last_traces ?? []} onOpen={onTrace} />}</section>
          </>
        )}
      </Loaded>
    </div>
  )
}

function Spending({ name, request: r }: { name: string; request: { steps?: number; tokens?: number; seconds?: number } }) {
  const report = useRead('budget.report', {}, { every: refreshEvery }).data
  const own = (report?.budgets ?? []).filter((b) => b.scope === `agent:${name}`)
  const bounds = [r.steps ? plural(r.steps, 'model call') : '', r.tokens ? `${short(r.tokens)} tokens` : '', r.seconds ? span(r.seconds) : ''].filter(Boolean).join(', ')
  return (
    <div className="stack">
      <p className="small"><span className="dim">One request: </span>{bounds ? `at most ${bounds}` : 'no bound of its own'}</p>
      {own.map((b) => {
        const share = shareOf(b.counted + b.reserved, b.quota)
        return <p key={`${b.limit}`} className="small agent-budget"><span>{amount(b.limit, b.counted)} of {quotaWords(b.limit, b.quota)}, {percent(share)}</span><meter className="share" min={0} max={1} value={Math.min(1, share)} aria-label="Share of the budget" /></p>
      })}
      {report && own.length === 0 && <p className="small soft">It has no budget of its own: what its callers' keys and tenants may spend holds. <Link to="/tokens" search={{ view: 'budgets' }}>Budgets</Link></p>}
    </div>
  )
}

const boxes: Record<string, string> = {
  'in the house': 'It has no process of its own: it asks models and calls tools, and can do nothing else.',
  confined: 'It runs as a process of its own, kept from what is not listed here.',
}

function Box({ kind, network, read, write }: { kind: string; network: string | undefined; read: string[]; write: string[] }) {
  return (
    <div className="stack">
      <p className="small">{boxes[kind] ?? <Short text={kind} most={200} />}{network && <> Network: {plain(network, 40)}.</>}</p>
      {(read.length > 0 || write.length > 0) && <ul className="items">{[...write.map((p) => ['writes', p] as const), ...read.map((p) => ['reads', p] as const)].map(([how, p]) => <li key={how + p}><span className="dim">{how}</span> <code className="clip"><Short text={p} most={200} /></code></li>)}</ul>}
    </div>
  )
}

type How = 'all' | 'alone' | 'asks' | 'destroys'
const hows: Record<How, (t: AgentTool) => boolean> = { all: () => true, alone: (t) => t.passthrough, asks: (t) => !t.passthrough, destroys: (t) => t.destructive }
const size = 20
/** What model providers take at most in one request. */
const most = 128

function May({ tools }: { tools: AgentTool[] }) {
  const [how, setHow] = useState<How>('all')
  const [text, setText] = useState('')
  const [page, setPage] = useState(0)
  const wanted = text.trim().toLowerCase()
  const found = tools.filter((t) => hows[how](t) && `${t.name} ${t.source}`.toLowerCase().includes(wanted))
  const part = partOf(found, page, size)
  if (tools.length === 0) return <p className="soft small">Nothing: it has no tools.</p>
  return (
    <div className="stack">
      <div className="filters">
        <Search value={text} onChange={(t) => { setText(t); setPage(0) }} label="Find a tool" />
        <Segments label="Which tools" value={how} onChange={(h) => { setHow(h); setPage(0) }} options={[{ value: 'all', text: 'All' }, { value: 'alone', text: 'Unasked' }, { value: 'asks', text: 'Asks' }, { value: 'destroys', text: 'Destroys' }]} />
      </div>
      {found.length === 0 ? <Empty title="No tool fits" /> : (
        <ul className="may">
          {part.rows.map((t) => (
            <li key={t.name}>
              <Link to="/tools" search={{ tool: t.name }} className="quiet-link"><code>{plain(t.name, 80)}</code></Link><span className="dim small grow clip"><Short text={t.source} most={60} /></span>
              <span className="row switches">{t.destructive && <Badge tone="bad">destroys</Badge>}{t.read_only && <Badge tone="calm">read only</Badge>}{t.passthrough ? <Badge tone="warn">unasked</Badge> : <Badge>asks</Badge>}</span>
            </li>
          ))}
        </ul>
      )}
      <Pager {...part} count={found.length} size={size} label="tools" onPage={setPage} />
      <p className="dim small">For a caller of your own standing; one of a lower tier has fewer.{tools.length >= most && ` Providers take ${most} tools at most, so that a request is offered some of each server's; a preset of fewer has all of its own.`}</p>
    </div>
  )
}
