// SPDX-License-Identifier: Apache-2.0
import { useDeferredValue, useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Trace } from '../api/words.ts'
import { plural, short, whole } from '../lib/format.ts'
import { askFor, partOf } from '../lib/paging.ts'
import { took } from '../lib/timeline.ts'
import { TracesIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Badge, Card, Empty, Loaded, Search, Time } from '../ui/parts.tsx'
import { Short } from '../ui/shown.tsx'
import { traceTones } from './common.ts'
import { TraceDrawer } from './trace.tsx'

const states = ['running', 'waiting', 'done', 'stopped', 'cancelled', 'failed'] as const
type State = (typeof states)[number]

/** As many as the house keeps. */
const most = 2_000
const size = 25

interface Props {
  open: string | undefined
  agent: string
  onOpen: (id: string | undefined) => void
  onAgent: (name: string) => void
}

/** What requests to agents did, the newest first, page by page. */
export function Traces({ open, agent, onOpen, onAgent }: Props) {
  const [state, setState] = useState<State | ''>('')
  const [page, setPage] = useState(0)
  const wanted = useDeferredValue(agent.trim())
  const limit = askFor(page, size, most)
  const answer = useRead('agent.traces', { limit, ...(state ? { state } : {}), ...(wanted ? { agent: wanted } : {}) }, { every: refreshEvery / 3 })
  const traces = answer.data?.traces ?? []
  return (
    <>
      <div className="filters">
        <Search value={agent} onChange={(text) => { onAgent(text); setPage(0) }} label="Agent or preset, by its whole name" />
        <select className="input order-pick" aria-label="How they stand" value={state} onChange={(e) => { setState(e.target.value as State | ''); setPage(0) }}><option value="">however they ended</option>{states.map((s) => <option key={s}>{s}</option>)}</select>
      </div>
      <Card flush>
        <Loaded answer={answer} lines={8}>
          {() => (traces.length === 0 ? (
            <Empty title={state || wanted ? 'No such trace' : 'No traces yet'} icon={<TracesIcon size={26} />}>Each request to an agent leaves one: what it planned, which tools it called, how long that took and what it cost.</Empty>
          ) : (
            <>
              <TraceTable traces={partOf(traces, page, size).rows} onOpen={onOpen} />
              <Pager {...partOf(traces, page, size)} count={traces.length} more={traces.length === limit && limit < most} size={size} label="traces" onPage={setPage} />
            </>
          ))}
        </Loaded>
      </Card>
      <TraceDrawer id={open} onClose={() => onOpen(undefined)} />
    </>
  )
}

export function TraceTable({ traces, onOpen }: { traces: Trace[]; onOpen: (id: string) => void }) {
  return (
    <table className="table stacked traces">
      <thead><tr><th>When</th><th>Agent</th><th>Caller</th><th>Ended</th><th className="right">Calls</th><th className="right">Tokens</th><th className="right">Took</th></tr></thead>
      <tbody>
        {traces.map((t) => (
          <tr key={t.id} data-trace={t.id}>
            <td className="head"><button type="button" className="link-button" onClick={() => onOpen(t.id)}><Time at={t.started} /><span className="sr">: the whole trace</span></button></td>
            <td data-label="Agent" className="trace-agent"><span><strong><Short text={t.agent} most={80} /></strong>{t.alias && <span className="dim small"> on <Short text={t.alias} most={80} /></span>}</span></td>
            <td data-label="Caller" className="trace-agent"><span className="clip"><Short text={t.caller} most={80} /></span></td>
            <td data-label="Ended" className="trace-ended"><span><Badge tone={traceTones[t.state] ?? 'still'} dot={t.state === 'running'}>{t.state}</Badge>{t.error && <span className="soft small trace-error"><Short text={t.error} /></span>}</span></td>
            <td className="right nowrap" data-label="Calls" title={`${plural(t.model_calls ?? 0, 'model call')}, ${plural(t.tool_calls ?? 0, 'tool call')}`}>{t.state === 'running' ? '–' : <>{whole(t.model_calls ?? 0)}<span className="dim"> + {whole(t.tool_calls ?? 0)}</span><span className="sr"> of models and of tools</span></>}</td>
            <td className="right nowrap" data-label="Tokens" title={`${whole(t.tokens.prompt)} input, ${whole(t.tokens.completion)} output`}>{t.state === 'running' ? '–' : short(t.tokens.total)}</td>
            <td className="right nowrap" data-label="Took">{took(t.seconds)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
