// SPDX-License-Identifier: Apache-2.0
import { defaultRangeExtractor, useWindowVirtualizer, type Range } from '@tanstack/react-virtual'
import { Fragment, useCallback, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react'

import type { Unit } from '../api/words.ts'
import { back, glance, type Usage } from '../api/usage.ts'
import { bytes, exact, isTime, plural, whole } from '../lib/format.ts'
import { arrange, type Group, type Sort, type SortKey } from '../lib/unitlist.ts'
import { noSeries, since } from '../lib/spark.ts'
import { cores, explained } from '../lib/unitwords.ts'
import { isUp } from '../lib/states.ts'
import { Card } from '../ui/parts.tsx'
import { ChevronIcon } from '../ui/icons.tsx'
import { Said } from '../ui/said.tsx'
import { StateBadge } from '../ui/stateicon.tsx'
import { UnitButtons } from './actions.tsx'
import { Since, useNow } from './clock.tsx'
import { Spark } from './spark.tsx'

interface Props {
  units: Unit[]
  usage: Usage
  group: Group
  sort: Sort
  onSort: (key: SortKey) => void
  onOpen: (name: string) => void
  onLog: (name: string) => void
}

const columns: { key?: SortKey; text: string; className?: string }[] = [
  { key: 'name', text: 'Unit' }, { key: 'state', text: 'State' }, { key: 'cpu', text: 'CPU' }, { key: 'memory', text: 'Memory' },
  { key: 'since', text: 'Since', className: 'right' }, { key: 'restarts', text: 'Restarts', className: 'right' }, { text: 'Port, pid', className: 'right' }, { text: 'Actions' },
]

const rowId = (name: string) => `unit-${name}`

/** The list of units: a table of which only the rows in sight are in the document, however many there are. */
export function UnitTable({ units, usage, group, sort, onSort, onOpen, onLog }: Props) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const items = arrange(units, usage.units, group, sort, closed)
  const box = useRef<HTMLTableElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => {
    const look = () => setTop(box.current ? box.current.getBoundingClientRect().top + window.scrollY : 0)
    look()
    window.addEventListener('resize', look)
    return () => window.removeEventListener('resize', look)
  }, [])
  const focused = useRef<string>(undefined)
  const keyOf = (i: number) => {
    const item = items[i]!
    return item.kind === 'unit' ? item.unit.name : `\n${item.name}`
  }
  // The row that has the focus stays, so that a wheel does not lose the place of the keyboard.
  const rangeExtractor = (range: Range) => {
    const shown = defaultRangeExtractor(range)
    const at = items.findIndex((item) => item.kind === 'unit' && item.unit.name === focused.current)
    return at >= 0 && !shown.includes(at) ? [...shown, at].sort((a, b) => a - b) : shown
  }
  const virtual = useWindowVirtualizer({
    count: items.length, estimateSize: (i) => (items[i]?.kind === 'group' ? 37 : 56), overscan: 8, scrollMargin: top, getItemKey: keyOf, rangeExtractor,
  })
  const focusRow = useCallback((name: string, index: number) => {
    virtual.scrollToIndex(index, { align: 'auto' })
    let tries = 10
    const look = () => {
      const el = document.getElementById(rowId(name))
      if (el) el.focus({ preventScroll: true })
      else if (tries-- > 0) requestAnimationFrame(look)
    }
    look()
  }, [virtual])
  const onKey = (e: KeyboardEvent<HTMLTableSectionElement>) => {
    if (!(e.target instanceof HTMLElement) || !e.target.id.startsWith('unit-')) return
    const here = items.findIndex((item) => item.kind === 'unit' && rowId(item.unit.name) === (e.target as HTMLElement).id)
    const all = items.map((_, i) => i).filter((i) => items[i]?.kind === 'unit')
    const next = { ArrowDown: all.find((i) => i > here), ArrowUp: all.findLast((i) => i < here), Home: all[0], End: all.at(-1) }[e.key]
    const item = next === undefined ? undefined : items[next]
    if (next === undefined || item?.kind !== 'unit') return
    e.preventDefault()
    focusRow(item.unit.name, next)
  }
  const toggle = (name: string) => setClosed((old) => {
    const now = new Set(old)
    if (!now.delete(name)) now.add(name)
    return now
  })
  const rows = virtual.getVirtualItems()
  let end = top
  return (
    <Card flush>
      <table className="table units" ref={box} aria-rowcount={items.length + 1}>
        <thead>
          <tr aria-rowindex={1}>{columns.map((c) => <Head key={c.text} column={c} sort={sort} onSort={onSort} />)}</tr>
        </thead>
        <tbody onKeyDown={onKey} onFocus={(e) => { focused.current = e.target.closest<HTMLElement>('tr[data-unit]')?.dataset.unit }} onBlur={() => { focused.current = undefined }}>
          {rows.map((row) => {
            const item = items[row.index]
            if (!item) return null
            const space = row.start - end
            end = row.end
            return (
              <Fragment key={row.key}>
                {space > 0.5 && <Space height={space} />}
                {item.kind === 'group' ? (
                  <tr className="group" data-index={row.index} ref={virtual.measureElement} aria-rowindex={row.index + 2}>
                    <th colSpan={columns.length} scope="rowgroup">
                      <button type="button" className="link-button group-name" aria-expanded={!closed.has(item.name)} onClick={() => toggle(item.name)}>
                        <ChevronIcon size={14} />{item.name}
                      </button>
                      <span className="dim small">{whole(item.up)} of {plural(item.count, 'unit')} up</span>
                    </th>
                  </tr>
                ) : (
                  <UnitRow key={row.key} unit={item.unit} usage={usage} index={row.index} measure={virtual.measureElement} onOpen={onOpen} onLog={onLog} owner={group !== 'owner'} />
                )}
              </Fragment>
            )
          })}
          {virtual.getTotalSize() + top - end > 0.5 && <Space height={virtual.getTotalSize() + top - end} />}
        </tbody>
      </table>
    </Card>
  )
}

/** Stands for the rows that are not in sight. */
const Space = ({ height }: { height: number }) => <tr className="space" aria-hidden="true"><td colSpan={columns.length} style={{ height }} /></tr>

function Head({ column: { key, text, className }, sort, onSort }: { column: (typeof columns)[number]; sort: Sort; onSort: (key: SortKey) => void }) {
  if (!key) return <th className={className}>{text === 'Actions' ? <span className="sr">{text}</span> : text}</th>
  const on = sort.key === key
  return (
    <th className={className} aria-sort={on ? (sort.down ? 'descending' : 'ascending') : 'none'}>
      <button type="button" className="sort" onClick={() => onSort(key)}>{text}<span className="sort-mark" aria-hidden="true">{on ? (sort.down ? '↓' : '↑') : ''}</span></button>
    </th>
  )
}

interface RowProps {
  unit: Unit
  usage: Usage
  index: number
  measure: (el: HTMLElement | null) => void
  owner: boolean
  onOpen: (name: string) => void
  onLog: (name: string) => void
}

function UnitRow({ unit, usage, index, measure, owner, onOpen, onLog }: RowProps) {
  const now = useNow()
  const said = explained(unit, now)
  return (
    <tr data-unit={unit.name} data-index={index} ref={measure} aria-rowindex={index + 2}>
      <td className="unit-name">
        <button type="button" id={rowId(unit.name)} className="link-button clip" title={unit.name} onClick={() => onOpen(unit.name)}>{unit.name}</button>
        <span className="dim small clip">
          {[owner && unit.owner, unit.worker && 'worker', unit.needs?.length && `needs ${unit.needs.join(', ')}`].filter(Boolean).join(' · ')}
        </span>
      </td>
      <td className="unit-state">
        <StateBadge state={unit.state} />
        {said && <span className="soft small unit-detail" title={said}><Said text={said} /></span>}
        {!!unit.lacks?.length && <span className="small unit-detail lacks" title={unit.lacks.join('\n')}>Not enforced here: {unit.lacks.join('; ')}</span>}
      </td>
      <Figures unit={unit} usage={usage} />
      <td data-label={isUp(unit.state) ? 'Up' : 'Since'} className="right unit-since">{isTime(unit.since) ? <Since at={unit.since} /> : <span className="dim">–</span>}</td>
      <td data-label="Restarts" className={`right ${unit.restarts > 3 ? 'many' : ''}`} title="Restarts within the last hour">{whole(unit.restarts)}</td>
      <td data-label="Port, pid" className="right">{unit.port ? unit.port : unit.pid ? '' : <span className="dim">–</span>}{unit.pid ? <span className="dim small unit-pid" title={unit.last_check && isTime(unit.last_check) ? `last check ${exact(new Date(unit.last_check))}` : undefined}>pid {unit.pid}</span> : null}</td>
      <td className="unit-actions"><UnitButtons unit={unit} onLog={() => onLog(unit.name)} /></td>
    </tr>
  )
}

/** What it uses: a line of the last minutes, and the figure. */
function Figures({ unit, usage }: { unit: Unit; usage: Usage }) {
  const used = usage.units.get(unit.name)
  const { at, cpu, memory } = since(usage.series.get(unit.name) ?? noSeries, usage.now - glance)
  const alive = used && used.processes > 0
  return (
    <>
      <td data-label="CPU" className="unit-figure">
        <div><Spark at={at} values={cpu} now={usage.now} reach={back(usage, glance)} least={0.05} /><span>{alive ? cores(used.cpu) : <span className="dim">–</span>}</span></div>
      </td>
      <td data-label="Memory" className="unit-figure">
        <div><Spark at={at} values={memory} now={usage.now} reach={back(usage, glance)} least={8 << 20} /><span>{alive ? bytes(used.memory) : <span className="dim">–</span>}</span></div>
      </td>
    </>
  )
}
