// SPDX-License-Identifier: Apache-2.0
import { useDeferredValue, useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Call } from '../api/words.ts'
import { csvOf, dollarsExact } from '../lib/csv.ts'
import { download } from '../lib/download.ts'
import { exact, nanoseconds, short, whole } from '../lib/format.ts'
import { askFor, partOf } from '../lib/paging.ts'
import { Button } from '../ui/button.tsx'
import { Drawer } from '../ui/dialog.tsx'
import { DownloadIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Badge, Card, Copy, Empty, Loaded, Search, Time, type Tone } from '../ui/parts.tsx'

const statusTones: Record<string, Tone> = { ok: 'good', cut: 'warn', cancelled: 'still', halted: 'bad', failed: 'bad', orphan: 'warn', cached: 'still' }
const states = ['ok', 'cut', 'cancelled', 'halted', 'failed', 'orphan', 'cached'] as const
type State = (typeof states)[number]

const size = 25
const most = 10_000

const took = (c: Call): string => (c.latency_ms > 0 ? nanoseconds(c.latency_ms * 1e6) : c.source === 'gateway' ? '<1 ms' : '–')

/** The latest calls, page by page; each whole when it is opened. */
export function Calls() {
  const [status, setStatus] = useState<State | ''>('')
  const [agent, setAgent] = useState('')
  const [page, setPage] = useState(0)
  const [open, setOpen] = useState<Call>()
  const wanted = useDeferredValue(agent.trim())
  const limit = askFor(page, size, most)
  const answer = useRead('token.calls', { limit, since: '30d', ...(status ? { status } : {}), ...(wanted ? { agent: wanted } : {}) }, { every: refreshEvery })
  const calls = answer.data?.calls ?? []
  return (
    <Card
      title="The latest calls" flush className="calls-card"
      aside={
        <>
          <Search value={agent} onChange={(text) => { setAgent(text); setPage(0) }} label="Agent, by its whole name" />
          <select className="input pick" aria-label="How they ended" value={status} onChange={(e) => { setStatus(e.target.value as State | ''); setPage(0) }}><option value="">all ends</option>{states.map((s) => <option key={s}>{s}</option>)}</select>
          <Button icon={<DownloadIcon size={15} />} isDisabled={calls.length === 0} onPress={() => download('calls.csv', file(calls))} aria-label="These calls as CSV">CSV</Button>
        </>
      }
    >
      <Loaded answer={answer} lines={5}>
        {() => (calls.length === 0 ? <Empty title={status || wanted ? 'No such call' : 'No calls yet'} /> : (
          <>
            <CallTable calls={partOf(calls, page, size).rows} onOpen={setOpen} />
            <Pager {...partOf(calls, page, size)} count={calls.length} more={calls.length === limit && limit < most} size={size} label="calls" onPage={setPage} />
          </>
        ))}
      </Loaded>
      <Drawer open={open !== undefined} onClose={() => setOpen(undefined)} title={open ? `Call of ${open.agent || open.caller || 'nobody known'}` : ''}>{open && <Whole call={open} />}</Drawer>
    </Card>
  )
}

function file(calls: Call[]): string {
  const columns = ['time', 'agent', 'caller', 'key', 'tenant', 'alias', 'model', 'status', 'input', 'cached_read', 'cache_write_5m', 'cache_write_1h', 'output', 'reasoning', 'total', 'estimated', 'fallback', 'latency_ms', 'first_token_ms', 'source', 'session', 'project', 'request_id'] as const
  return csvOf([...columns, 'cost_usd'], calls.map((c) => [...columns.map((k) => c[k]), dollarsExact(c.cost_nano)]))
}

function CallTable({ calls, onOpen }: { calls: Call[]; onOpen: (call: Call) => void }) {
  return (
    <table className="table stacked twin calls">
      <thead><tr><th>When</th><th>Who</th><th>Model</th><th>Ended</th><th className="right">Tokens</th><th className="right">Cost</th><th className="right">Took</th></tr></thead>
      <tbody>
        {calls.map((c, i) => (
          <tr key={c.request_id || `${c.time} ${i}`}>
            <td className="head"><button type="button" className="link-button" onClick={() => onOpen(c)}><Time at={c.time} /><span className="sr">: the whole call</span></button></td>
            <td data-label="Who"><span className="clip session-name" title={c.caller}>{c.agent || c.key || c.caller || '–'}</span></td>
            <td data-label="Model"><span><code>{c.model}</code>{c.fallback > 0 && <> <Badge tone="warn">fallback {c.fallback}</Badge></>}</span></td>
            <td data-label="Ended"><span><Badge tone={statusTones[c.status] ?? 'still'}>{c.status}</Badge>{c.estimated && <span className="dim small"> estimated</span>}</span></td>
            <td className="right nowrap" data-label="Tokens" title={`${whole(c.input)} input, ${whole(c.cached_read)} cached, ${whole(c.output)} output`}>{short(c.total)}</td>
            <td className="right" data-label="Cost">{c.cost || '?'}</td>
            <td className="right nowrap" data-label="Took">{took(c)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Everything that the ledger knows of one call. */
function Whole({ call: c }: { call: Call }) {
  const facts: [string, string][] = [
    ['When', exact(new Date(c.time))], ['Model', c.model], ['Asked as', c.alias], ['By step of the chain', c.fallback > 0 ? `fallback ${c.fallback}` : 'the first'], ['Agent', c.agent], ['Caller', c.caller], ['Key', c.key], ['Tenant', c.tenant], ['Unit', c.unit],
    ['Session', c.session], ['Project', c.project], ['Dialect', c.dialect], ['Counted by', c.source], ['Node', c.node], ['Took', took(c)], ['First word after', c.first_token_ms > 0 ? nanoseconds(c.first_token_ms * 1e6) : ''],
  ]
  const parts: [string, number][] = [['Input', c.input], ['Cached read', c.cached_read], ['Cache write, 5 min', c.cache_write_5m], ['Cache write, 1 h', c.cache_write_1h], ['Output', c.output], ['of it reasoning', c.reasoning]]
  return (
    <div className="drawer-body stack">
      <p className="row wrap"><Badge tone={statusTones[c.status] ?? 'still'} dot>{c.status}</Badge>{c.estimated && <Badge tone="warn">estimated</Badge>}<strong>{whole(c.total)} tokens</strong><span className="soft">{c.cost_nano === null ? 'of unknown price' : c.cost}</span></p>
      <table className="table"><tbody>{parts.filter(([name, n]) => n > 0 || name === 'Input' || name === 'Output').map(([name, n]) => <tr key={name}><td>{name}</td><td className="right">{whole(n)}</td></tr>)}</tbody></table>
      <dl className="facts">{facts.filter(([, value]) => value).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      {c.request_id && <p className="row small"><span className="dim">Request</span> <code className="clip">{c.request_id}</code><Copy text={c.request_id} label="Copy the request's id" /></p>}
      {c.response_id && <p className="row small"><span className="dim">Response</span> <code className="clip">{c.response_id}</code><Copy text={c.response_id} label="Copy the response's id" /></p>}
    </div>
  )
}
