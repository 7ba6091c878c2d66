// SPDX-License-Identifier: Apache-2.0
import { useVirtualizer } from '@tanstack/react-virtual'
import { useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState, type CSSProperties, type KeyboardEvent } from 'react'

import { useRead } from '../api/house.ts'
import { useStream } from '../api/live.tsx'
import { exact, plural, whole } from '../lib/format.ts'
import { appendLines, grepOf, markerOf, matches, pieces, type LogEntry, type LogLine, type Query } from '../lib/logline.ts'
import { Button, IconButton } from './button.tsx'
import { DownIcon, DownloadIcon, PauseIcon, UpIcon, WrapIcon } from './icons.tsx'
import { Empty, Search, Segments } from './parts.tsx'
import { TroubleCard } from './trouble.tsx'

const kept = 20_000
const tail = 1_000
/** How much of one line is shown until it is asked for whole. */
const lineShown = 2_000
const settle = 350

type Stream = 'both' | 'stdout' | 'stderr'

const spans = { tail: 'Newest', '5m': '5 min', '15m': '15 min', '1h': '1 hour', '6h': '6 hours', '1d': '1 day' } as const
type Span = keyof typeof spans

const append = (old: LogLine[], events: LogEntry[]) => appendLines(old, events, kept)
const nothing: LogLine[] = []

/** The value, once it has not changed for a while. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), settle)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}

interface Asked {
  units: string[]
  grep: string
  since: Span
  stream: Stream
}

/** What is asked of the house, in the words of log.show. */
function inputOf({ units, grep, since, stream }: Asked, lines: number) {
  return {
    units, lines: since === 'tail' ? lines : 10_000,
    ...(grep ? { grep } : {}), ...(since === 'tail' ? {} : { since }), ...(stream === 'both' ? {} : { stream }),
  }
}

function urlOf(asked: Asked): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(inputOf(asked, tail))) for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one))
  return `/api/v1/log/show/follow?${query}`
}

/** The live log of units, merged by time when there are several. */
export function LogView({ units }: { units: string[] }) {
  const [query, setQuery] = useState<Query>({ text: '', pattern: false, exact: false })
  const [onlyFound, setOnlyFound] = useState(true)
  const [stream, setStream] = useState<Stream>('both')
  const [since, setSince] = useState<Span>('tail')
  const [wrap, setWrap] = useState(true)
  const grep = useSettled(onlyFound ? grepOf(query) : '')
  const asked: Asked = { units, grep, since, stream }
  const { value: lines, state } = useStream<LogEntry, LogLine[]>(urlOf(asked), append, nothing)
  // A stream cannot say why it was refused; the plain question can.
  const check = useRead('log.show', inputOf(asked, 1), { enabled: grep !== '' })
  const { text, pattern, exact: cased } = query
  const marker = useMemo(() => markerOf({ text, pattern, exact: cased }), [text, pattern, cased])
  const [frozen, setFrozen] = useState<LogLine[]>()
  const shown = useDeferredValue(frozen ?? lines)
  const waiting = frozen ? Math.max(0, (lines.at(-1)?.id ?? 0) - (frozen.at(-1)?.id ?? 0)) : 0
  useEffect(() => setFrozen(undefined), [units, grep, since, stream])
  const found = useMemo(() => (onlyFound ? [] : matches(shown, marker)), [shown, marker, onlyFound])
  const [at, setAt] = useState(-1)
  const [goTo, setGoTo] = useState<{ line: number }>()
  const step = (by: number) => {
    if (found.length === 0) return
    const next = at < 0 || at >= found.length ? (by > 0 ? 0 : found.length - 1) : (at + by + found.length) % found.length
    setAt(next)
    setFrozen((old) => old ?? lines)
    setGoTo({ line: found[next]! })
  }
  const pause = (yes: boolean) => setFrozen(yes ? (old) => old ?? lines : undefined)
  return (
    <>
      <LogBar
        query={query} onQuery={(q) => { setQuery(q); setAt(-1) }} onlyFound={onlyFound} onOnlyFound={setOnlyFound} stream={stream} onStream={setStream}
        since={since} onSince={setSince} wrap={wrap} onWrap={setWrap} found={found.length} at={at} onStep={step} onSave={() => save(units, shown)}
      />
      {check.error ? <div className="log-trouble"><TroubleCard error={check.error} /></div> : null}
      <LogLines
        lines={shown} units={units} marker={marker} current={at >= 0 ? shown[found[at] ?? -1]?.id : undefined} wrap={wrap} goTo={goTo}
        following={!frozen} onFollowing={(f) => pause(!f)}
        empty={lines.length > 0 ? 'No lines' : state === 'live' ? (grep ? 'No line fits' : since === 'tail' ? 'No lines yet' : 'No lines in that time') : 'Opening the log…'}
      />
      <div className="log-foot">
        <span className="dim small grow" role="status">
          {state === 'live' ? (frozen ? `${plural(shown.length, 'line')}, paused` : `${plural(shown.length, 'line')}, live`) : state === 'reconnecting' ? 'reconnecting…' : state === 'paused' ? 'paused while hidden' : 'opening…'}
          {waiting > 0 && `, ${whole(waiting)} new`}
        </span>
        <Button kind={frozen ? 'primary' : 'plain'} icon={frozen ? <DownIcon size={15} /> : <PauseIcon size={15} />} onPress={() => pause(!frozen)}>{frozen ? 'Follow' : 'Pause'}</Button>
      </div>
    </>
  )
}

interface BarProps {
  query: Query
  onQuery: (query: Query) => void
  onlyFound: boolean
  onOnlyFound: (only: boolean) => void
  stream: Stream
  onStream: (stream: Stream) => void
  since: Span
  onSince: (since: Span) => void
  wrap: boolean
  onWrap: (wrap: boolean) => void
  found: number
  at: number
  onStep: (by: number) => void
  onSave: () => void
}

function LogBar(p: BarProps) {
  const onKey = (e: KeyboardEvent) => {
    if (e.key !== 'Enter' || p.onlyFound) return
    e.preventDefault()
    p.onStep(e.shiftKey ? -1 : 1)
  }
  const searching = p.query.text !== ''
  return (
    <div className="log-bar" role="search" aria-label="Search the log">
      <div className="log-search" onKeyDown={onKey}>
        <Search value={p.query.text} onChange={(text) => p.onQuery({ ...p.query, text })} label="Search the log" />
        <Toggle label="Match upper and lower case" on={p.query.exact} onChange={(exact) => p.onQuery({ ...p.query, exact })}>Aa</Toggle>
        <Toggle label="The text is a pattern (a regular expression)" on={p.query.pattern} onChange={(pattern) => p.onQuery({ ...p.query, pattern })}>.*</Toggle>
      </div>
      {searching && (
        <div className="row log-found">
          <Segments label="What is shown" value={p.onlyFound ? 'found' : 'all'} onChange={(v) => p.onOnlyFound(v === 'found')} options={[{ value: 'found', text: 'Found lines' }, { value: 'all', text: 'All, marked' }]} />
          {!p.onlyFound && (
            <>
              <span className="dim small nowrap" role="status">{p.found === 0 ? 'none' : p.at < 0 ? plural(p.found, 'line') : `${p.at + 1} of ${p.found}`}</span>
              <IconButton label="The one before" isDisabled={p.found === 0} onPress={() => p.onStep(-1)}><UpIcon /></IconButton>
              <IconButton label="The next one" isDisabled={p.found === 0} onPress={() => p.onStep(1)}><DownIcon /></IconButton>
            </>
          )}
        </div>
      )}
      <div className="row log-picks">
        <Segments label="Which stream" value={p.stream} onChange={p.onStream} options={[{ value: 'both', text: 'Both' }, { value: 'stdout', text: 'out' }, { value: 'stderr', text: 'err' }]} />
        <select className="input pick" aria-label="From when on" value={p.since} onChange={(e) => p.onSince(e.target.value as Span)}>
          {Object.entries(spans).map(([value, text]) => <option key={value} value={value}>{text}</option>)}
        </select>
        <Toggle label="Wrap long lines" on={p.wrap} onChange={p.onWrap}><WrapIcon size={16} /></Toggle>
        <IconButton label="Save what is shown" onPress={p.onSave}><DownloadIcon /></IconButton>
      </div>
    </div>
  )
}

function Toggle({ label, on, onChange, children }: { label: string; on: boolean; onChange: (on: boolean) => void; children: React.ReactNode }) {
  return (
    <span className="hint" data-hint={label}>
      <button type="button" className="toggle" aria-label={label} aria-pressed={on} onClick={() => onChange(!on)}>{children}</button>
    </span>
  )
}

interface LinesProps {
  lines: LogLine[]
  units: string[]
  marker: RegExp | undefined
  /** The line that the search stands at. */
  current: number | undefined
  wrap: boolean
  goTo: { line: number } | undefined
  following: boolean
  onFollowing: (following: boolean) => void
  empty: string
}

const nearEnd = 24

/** The lines themselves: only those in sight are in the document, however many there are. */
function LogLines({ lines, units, marker, current, wrap, goTo, following, onFollowing, empty }: LinesProps) {
  const box = useRef<HTMLDivElement>(null)
  const before = useRef(0)
  const virtual = useVirtualizer({
    count: lines.length, getScrollElement: () => box.current, estimateSize: () => 20, overscan: 24, getItemKey: (i) => lines[i]?.id ?? i,
  })
  const total = virtual.getTotalSize()
  useEffect(() => virtual.measure(), [virtual, wrap])
  useLayoutEffect(() => {
    const el = box.current
    if (!following || !el) return
    el.scrollTop = el.scrollHeight
    before.current = el.scrollTop
  }, [following, lines, total])
  useEffect(() => {
    if (goTo) virtual.scrollToIndex(goTo.line, { align: 'center' })
  }, [goTo, virtual])
  const onScroll = () => {
    const el = box.current
    if (!el) return
    const up = el.scrollTop < before.current - 2
    const atEnd = el.scrollHeight - el.scrollTop - el.clientHeight < nearEnd
    before.current = el.scrollTop
    if (following && up && !atEnd) onFollowing(false)
    else if (!following && !up && atEnd) onFollowing(true)
  }
  const several = units.length !== 1
  const tag = units.length > 0 ? Math.min(18, Math.max(...units.map((u) => u.length))) : 18
  return (
    <div className={`log ${wrap ? '' : 'clipped'}`} ref={box} onScroll={onScroll} tabIndex={0} role="log" aria-label={`Log of ${units.join(', ') || 'all units'}`} aria-live="off">
      {lines.length === 0 && <Empty title={empty} />}
      <div className="log-space" style={{ height: total, '--tag': `${tag}ch` } as CSSProperties}>
        {virtual.getVirtualItems().map((item) => {
          const line = lines[item.index]
          if (!line) return null
          return (
            <div key={item.key} data-index={item.index} ref={virtual.measureElement} className={`log-line ${line.tone} ${line.id === current ? 'current' : ''}`} style={{ transform: `translateY(${item.start}px)` }}>
              <Line line={line} marker={marker} tag={several ? colourOf(units, line.unit) : undefined} />
            </div>
          )
        })}
      </div>
    </div>
  )
}

const colours = 8

/** Each unit keeps its colour while it is shown: by its place, or by its name where all are. */
function colourOf(units: string[], unit: string): number {
  const at = units.indexOf(unit)
  if (at >= 0) return at % colours
  let sum = 0
  for (let i = 0; i < unit.length; i++) sum = (sum * 31 + unit.charCodeAt(i)) % 9973
  return sum % colours
}

function Line({ line: { at, stream, text, unit }, marker, tag }: { line: LogLine; marker: RegExp | undefined; tag: number | undefined }) {
  const [whole_, setWhole] = useState(false)
  const cut = !whole_ && text.length > lineShown
  return (
    <>
      {at ? <time dateTime={at.toISOString()} title={exact(at)}>{at.toLocaleTimeString('en-GB', { hour12: false })}</time> : <time className="none">–</time>}
      {tag !== undefined && <span className={`log-unit unit-${tag} clip`} title={unit}>{unit}</span>}
      <span className={`log-stream ${stream ?? ''}`}>{stream === 'stderr' ? 'err' : ''}</span>
      <span className="log-text">
        {pieces(cut ? text.slice(0, lineShown) : text, marker).map((p, i) => (p.found ? <mark key={i}>{p.text}</mark> : p.text))}
        {cut && <button type="button" className="log-more" onClick={() => setWhole(true)}>… {whole(text.length - lineShown)} more characters</button>}
      </span>
    </>
  )
}

/** Hands the lines to the browser as a file. */
function save(units: string[], lines: LogLine[]): void {
  const text = lines.map((l) => [l.at?.toISOString(), units.length === 1 ? undefined : l.unit, l.stream, l.text].filter(Boolean).join(' ')).join('\n') + '\n'
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
  link.download = `${units.length === 1 ? units[0] : 'units'}.log`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
