// SPDX-License-Identifier: Apache-2.0
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Burner } from '../api/words.ts'
import type { Output } from '../api/client.ts'
import { barsOf, beginOf, shareOf } from '../lib/burn.ts'
import { download } from '../lib/download.ts'
import { percent, plural, short, whole } from '../lib/format.ts'
import { partOf } from '../lib/paging.ts'
import { dayFrom, daysOf, lengthOf, presets, spanProblem, todayIn, type Days } from '../lib/span.ts'
import { partsOf } from '../lib/stack.ts'
import { drawnBy, filters, inputOf, isTimeline, questionOf, sortRows, usageFile, ways, type Column, type Filter, type Question, type Way } from '../lib/usageview.ts'
import { Button } from '../ui/button.tsx'
import { CloseIcon, DownloadIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Card, Empty, Loaded, Segments } from '../ui/parts.tsx'
import { nameOf } from '../ui/stackchart.tsx'
import { nobody } from './burners.tsx'
import { SumFigures } from './figures.tsx'
import { History } from './over.tsx'

type UsageAnswer = Output<'token.usage'>

/** What was used in any span of days, added up by anything, narrowed down to anything. */
export function Usage() {
  const search = useSearch({ from: '/tokens' })
  const navigate = useNavigate({ from: '/tokens' })
  const zone = useRead('budget.report', {}).data?.zone
  const today = todayIn(zone, Date.now())
  const q = questionOf(search, today)
  const answer = useRead('token.usage', inputOf(q, q.by), q.by === 'session' ? {} : { every: refreshEvery })
  const ask = (next: Partial<Question>) => {
    const { from, to, by, only } = { ...q, ...next }
    void navigate({ search: { view: 'usage', from, to, by, ...only }, resetScroll: false })
  }
  return (
    <>
      <Asked q={q} today={today} onAsk={ask} />
      <Loaded answer={answer} lines={8}>
        {(u) => (
          <>
            <SumFigures sum={u.sum} about={`${plural(lengthOf(q), 'day')}${zone ? `, ${zone}` : ''}`} />
            <Drawn q={q} answer={u} today={today} />
            <Rows key={JSON.stringify(q)} q={q} answer={u} onAsk={ask} />
          </>
        )}
      </Loaded>
    </>
  )
}

function Asked({ q, today, onAsk }: { q: Question; today: string; onAsk: (next: Partial<Question>) => void }) {
  const [days, setDays] = useState<Days>({ from: q.from, to: q.to })
  const [shown, setShown] = useState(`${q.from} ${q.to}`)
  if (shown !== `${q.from} ${q.to}`) {
    setShown(`${q.from} ${q.to}`)
    setDays({ from: q.from, to: q.to })
  }
  const problem = spanProblem(days)
  const set = (more: Partial<Days>) => {
    const next = { ...days, ...more }
    setDays(next)
    if (spanProblem(next) === '') onAsk(next)
  }
  const taken = presets.find((p) => daysOf(p.value, today).from === q.from && daysOf(p.value, today).to === q.to)
  return (
    <Card className="asked-usage">
      <div className="row wrap">
        <label className="field"><span>From</span><input className="input" type="date" value={days.from} max={today} aria-invalid={problem ? true : undefined} aria-describedby="span-problem" onChange={(e) => set({ from: e.target.value })} /></label>
        <label className="field"><span>To, included</span><input className="input" type="date" value={days.to} aria-invalid={problem ? true : undefined} aria-describedby="span-problem" onChange={(e) => set({ to: e.target.value })} /></label>
        <Segments label="Days" value={taken?.value ?? ('' as 'today')} options={[...presets]} onChange={(p) => onAsk(daysOf(p, today))} />
        <label className="field by"><span>Added up by</span><select className="input" value={q.by} onChange={(e) => onAsk({ by: e.target.value as Way })}>{ways.map((w) => <option key={w}>{w}</option>)}</select></label>
        <Only q={q} onAsk={onAsk} />
      </div>
      <p id="span-problem" className="problem small" role="status">{problem}</p>
      {Object.keys(q.only).length > 0 && (
        <ul className="row wrap chips" aria-label="Narrowed down to">
          {filters.map((f) => q.only[f] && (
            <li key={f} className="chip small"><span className="dim">{f}</span> <strong>{q.only[f]}</strong><button type="button" aria-label={`No longer only ${f} ${q.only[f]}`} onClick={() => onAsk({ only: without(q.only, f) })}><CloseIcon size={13} /></button></li>
          ))}
        </ul>
      )}
    </Card>
  )
}

const without = (only: Question['only'], filter: Filter): Question['only'] => Object.fromEntries(Object.entries(only).filter(([f]) => f !== filter))

/** Narrows down: what first, then to which of those that were there. */
function Only({ q, onAsk }: { q: Question; onAsk: (next: Partial<Question>) => void }) {
  const [filter, setFilter] = useState<Filter | ''>('')
  const names = useRead('token.usage', inputOf({ ...q, only: {} }, filter || 'agent'), { enabled: filter !== '' && filter !== 'session' }).data?.rows ?? []
  return (
    <div className="row only">
      <label className="field"><span>Only</span><select className="input" value={filter} onChange={(e) => setFilter(e.target.value as Filter | '')}><option value="">everything</option>{filters.filter((f) => f !== 'session').map((f) => <option key={f}>{f}</option>)}</select></label>
      {filter !== '' && (
        <label className="field"><span>Which {filter}</span>
          <select className="input" value="" onChange={(e) => { onAsk({ only: { ...q.only, [filter]: e.target.value } }); setFilter('') }}>
            <option value="" disabled>choose one</option>{names.filter((r) => r.name !== '').map((r) => <option key={r.name}>{r.name}</option>)}
          </select>
        </label>
      )}
    </div>
  )
}

/** The span as bars. A day of it that is yet to come has none. */
function Drawn({ q, answer, today }: { q: Question; answer: UsageAnswer; today: string }) {
  const by = drawnBy(q)
  const own = useRead('token.usage', inputOf(q, by), { every: refreshEvery, enabled: by !== q.by })
  const rows = (by === q.by ? answer.rows : own.data?.rows) ?? []
  const end = q.to < today ? q.to : today
  const last = by === 'day' ? beginOf(end) : Math.min(beginOf(dayFrom(end, 1)) - 3600, Date.now() / 1000)
  const bars = barsOf(rows, by === 'day', beginOf(q.from), Math.max(last, beginOf(q.from)))
  if (by !== q.by && own.data === undefined) return null
  return <History title={by === 'day' ? 'By day' : 'By hour'} bars={bars} byDay={by === 'day'} cap={0} quiet={rows.length === 0} />
}

const shown = 50

const heads: [Column, string][] = [['total', 'Total'], ['cost_nano', 'Cost'], ['calls', 'Calls'], ['input', 'Input'], ['cached_read', 'Cached'], ['cache_write', 'Cache write'], ['output', 'Output'], ['reasoning', 'Reasoning']]

function Rows({ q, answer, onAsk }: { q: Question; answer: UsageAnswer; onAsk: (next: Partial<Question>) => void }) {
  const timeline = isTimeline(q.by)
  const [sort, setSort] = useState<{ by: Column; up: boolean }>(timeline ? { by: 'name', up: false } : { by: 'total', up: false })
  const [page, setPage] = useState(0)
  const rows = sortRows(answer.rows ?? [], sort.by, sort.up)
  const part = partOf(rows, page, shown)
  const save = () => download(`usage-by-${q.by}-${q.from}-${q.to}.csv`, usageFile(q.by, answer.rows ?? []))
  const turn = (by: Column) => setSort((old) => ({ by, up: old.by === by ? !old.up : by === 'name' }))
  const head = (by: Column, text: string, right = true) => (
    <th key={by} className={right ? 'right' : ''} aria-sort={sort.by === by ? (sort.up ? 'ascending' : 'descending') : 'none'}>
      <button type="button" className="sorter" onClick={() => turn(by)}>{text}<span aria-hidden="true">{sort.by === by ? (sort.up ? ' ↑' : ' ↓') : ''}</span></button>
    </th>
  )
  return (
    <Card
      title={`By ${q.by}`} flush className="usage-rows"
      aside={<><span className="dim small">{plural(rows.length, 'row')}</span><Button icon={<DownloadIcon size={15} />} isDisabled={rows.length === 0} onPress={save}>CSV</Button></>}
    >
      {rows.length === 0 ? <Empty title="No calls in this time">Choose other days{Object.keys(q.only).length > 0 && ', or narrow it down less'}.</Empty> : (
        <>
          <div className="scroll-x" tabIndex={0} role="region" aria-label={`Usage by ${q.by}`}>
            <table className="table usage">
              <thead><tr>{head('name', q.by.charAt(0).toUpperCase() + q.by.slice(1), false)}{heads.map(([by, text]) => head(by, text))}</tr></thead>
              <tbody>{part.rows.map((r) => <Row key={r.name} row={r} all={answer.sum.total} name={<Name q={q} row={r} onAsk={onAsk} />} />)}</tbody>
              <tfoot><Row row={{ ...answer.sum, name: '' }} all={answer.sum.total} name={<strong>Together</strong>} /></tfoot>
            </table>
          </div>
          <Pager {...part} count={rows.length} size={shown} label="usage" onPage={setPage} />
        </>
      )}
    </Card>
  )
}

function Row({ row: r, all, name }: { row: Burner; all: number; name: ReactNode }) {
  const parts = partsOf(r)
  return (
    <tr>
      <td>{name}</td>
      <td className="right nowrap" title={whole(r.total)}><strong>{short(r.total)}</strong> <span className="dim small usage-share">{percent(shareOf(r.total, all))}</span></td>
      <td className="right nowrap" title={r.unpriced > 0 ? `${plural(r.unpriced, 'call')} of unknown price` : undefined}>{r.unpriced > 0 && r.unpriced === r.calls ? '?' : r.cost}{r.unpriced > 0 && r.unpriced < r.calls && '+'}</td>
      <td className="right" title={r.estimated > 0 ? `${whole(r.estimated)} estimated` : undefined}>{whole(r.calls)}</td>
      <td className="right" title={whole(r.input)}>{short(r.input)}</td><td className="right" title={whole(r.cached_read)}>{short(r.cached_read)}</td><td className="right" title={whole(r.cache_write)}>{short(r.cache_write)}</td>
      <td className="right" title={`${whole(r.output)}, reasoning included`}>{short(r.output)}</td><td className="right" title={whole(parts.reasoning)}>{short(r.reasoning)}</td>
    </tr>
  )
}

/** A name narrows the question down to itself; a time shows that time alone. */
function Name({ q, row, onAsk }: { q: Question; row: Burner; onAsk: (next: Partial<Question>) => void }) {
  const at = beginOf(row.name)
  if (q.by === 'hour') return <span className="nowrap">{Number.isNaN(at) ? row.name : row.name.replace(/ \+00:00$/, '')}</span>
  if (q.by === 'day') return <button type="button" className="link-button nowrap" onClick={() => onAsk({ from: row.name, to: row.name, by: 'hour' })}>{Number.isNaN(at) ? row.name : nameOf(at, true)}</button>
  if (row.name === '') return <span className="dim">{nobody[q.by as keyof typeof nobody] ?? 'none'}</span>
  return <button type="button" className="link-button clip usage-name" title={row.name} onClick={() => onAsk({ by: 'day', only: { ...q.only, [q.by]: row.name } })}>{row.name}</button>
}
