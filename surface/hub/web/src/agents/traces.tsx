// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Trace } from '../api/words.ts'
import { plural, short, whole } from '../lib/format.ts'
import { partOf } from '../lib/paging.ts'
import { took } from '../lib/timeline.ts'
import { TracesIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Badge, Card, Empty, Loaded, Search, Segments, Time, type Tone } from '../ui/parts.tsx'
import { Short } from '../ui/shown.tsx'
import { TraceDrawer } from './trace.tsx'

export const traceTones: Record<string, Tone> = { running: 'calm', done: 'good', waiting: 'warn', stopped: 'warn', cancelled: 'still', failed: 'bad' }

/** As many as the house lists at once. */
export const tracesMost = 200
const size = 50

type Which = 'all' | 'running' | 'trouble'
const which: Record<Which, (t: Trace) => boolean> = {
  all: () => true,
  running: (t) => t.state === 'running' || t.state === 'waiting',
  trouble: (t) => t.state === 'failed' || t.state === 'stopped' || t.state === 'cancelled',
}

/** What requests to agents did, the newest first. */
export function Traces({ open, find, onOpen, onFind }: { open: string | undefined; find: string; onOpen: (id: string | undefined) => void; onFind: (text: string) => void }) {
  const answer = useRead('agent.trace', { limit: tracesMost }, { every: refreshEvery / 3 })
  return (
    <>
      <Loaded answer={answer} lines={8}>{(d) => <List traces={d.traces ?? []} find={find} onOpen={onOpen} onFind={onFind} />}</Loaded>
      <TraceDrawer id={open} onClose={() => onOpen(undefined)} />
    </>
  )
}

function List({ traces, find, onOpen, onFind }: { traces: Trace[]; find: string; onOpen: (id: string) => void; onFind: (text: string) => void }) {
  const [state, setState] = useState<Which>('all')
  const [page, setPage] = useState(0)
  const wanted = find.trim().toLowerCase()
  const found = traces.filter((t) => which[state](t) && (wanted === '' || `${t.id} ${t.agent} ${t.model} ${t.alias} ${t.caller} ${t.state} ${t.error ?? ''}`.toLowerCase().includes(wanted)))
  const part = partOf(found, page, size)
  if (traces.length === 0) return <Card><Empty title="No traces yet" icon={<TracesIcon size={26} />}>Each request to an agent leaves one: what it planned, which tools it called, how long that took and what it cost.</Empty></Card>
  return (
    <>
      <div className="filters">
        <Search value={find} onChange={(t) => { onFind(t); setPage(0) }} label="Agent, model, caller or error" />
        <Segments label="Which traces" value={state} onChange={(s) => { setState(s); setPage(0) }} options={[{ value: 'all', text: 'All' }, { value: 'running', text: 'Open' }, { value: 'trouble', text: 'Trouble' }]} />
        <span className="dim small" role="status">{plural(found.length, 'trace')}</span>
      </div>
      <Card flush>
        {found.length === 0 ? <Empty title="No trace fits">Change the filter to see more.</Empty> : (
          <table className="table stacked traces">
            <thead><tr><th>When</th><th>Agent</th><th>Caller</th><th>Ended</th><th className="right">Tokens</th><th className="right">Took</th></tr></thead>
            <tbody>
              {part.rows.map((t) => (
                <tr key={t.id} data-trace={t.id}>
                  <td className="head"><button type="button" className="link-button" onClick={() => onOpen(t.id)}><Time at={t.started} /><span className="sr">: the whole trace</span></button></td>
                  <td data-label="Agent"><span><strong><Short text={t.agent} most={80} /></strong>{t.alias && <span className="dim small"> on <Short text={t.alias} most={80} /></span>}</span></td>
                  <td data-label="Caller"><Short text={t.caller} most={80} /></td>
                  <td data-label="Ended"><span><Badge tone={traceTones[t.state] ?? 'still'} dot={t.state === 'running'}>{t.state}</Badge>{t.error && <span className="soft small trace-error"><Short text={t.error} /></span>}</span></td>
                  <td className="right nowrap" data-label="Tokens" title={`${whole(t.tokens.prompt)} input, ${whole(t.tokens.completion)} output`}>{short(t.tokens.total)}</td>
                  <td className="right nowrap" data-label="Took">{took(t.seconds)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <Pager {...part} count={found.length} size={size} label="traces" onPage={setPage} />
      </Card>
    </>
  )
}
