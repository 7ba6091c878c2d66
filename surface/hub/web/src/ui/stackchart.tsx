// SPDX-License-Identifier: Apache-2.0
import { useEffect, useId, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react'

import { plural, short, whole } from '../lib/format.ts'
import { classes, everyOf, partsOf, scaleOf, type Bar, type Class } from '../lib/stack.ts'

interface Props {
  bars: Bar[]
  byDay: boolean
  /** The cap that a bar is held against; 0 for none. */
  cap: number
  /** What the last bar comes to at the present pace; undefined where it does not run. */
  projected?: number | undefined
}

const height = 240
const left = 48
const right = 8
const top = 18
const floor = height - 26

/** A day is one of the house's zone, which the house named; an hour is said in the reader's. */
const zoneOf = (byDay: boolean): Intl.DateTimeFormatOptions => (byDay ? { timeZone: 'UTC' } : {})
export const nameOf = (seconds: number, byDay: boolean): string =>
  new Date(seconds * 1000).toLocaleString('en-GB', { weekday: 'short', day: 'numeric', month: 'short', ...(byDay ? {} : { hour: '2-digit', minute: '2-digit' }), ...zoneOf(byDay) })
const markOf = (seconds: number, byDay: boolean): string =>
  new Date(seconds * 1000).toLocaleString('en-GB', { ...(byDay ? { day: 'numeric', month: 'short' } : { hour: '2-digit', minute: '2-digit' }), ...zoneOf(byDay) })

/** What one bar says, whole. */
function words(bar: Bar, byDay: boolean): string {
  const parts = partsOf(bar)
  const some = classes.filter((c) => parts[c.key] > 0).map((c) => `${whole(parts[c.key])} ${c.text}`)
  return `${nameOf(bar.at, byDay)}: ${whole(bar.total)} tokens in ${plural(bar.calls, 'call')}${some.length > 0 ? `; ${some.join(', ')}` : ''}`
}

function useWidth() {
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const el = box.current
    if (!el) return
    const observer = new ResizeObserver(() => setWidth(el.clientWidth))
    observer.observe(el)
    setWidth(el.clientWidth)
    return () => observer.disconnect()
  }, [])
  return { box, width }
}

/**
 * Bars of stacked classes of tokens, told apart by pattern as well as colour, with the cap as a line
 * and the running bar's projection as an outline. Arrow keys walk along the bars, and each is said.
 */
export function StackChart({ bars, byDay, cap, projected }: Props) {
  const { box, width } = useWidth()
  const id = useId()
  const [at, setAt] = useState<number>()
  const pointed = at === undefined ? undefined : bars[Math.min(at, bars.length - 1)]
  const point = (event: PointerEvent) => {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left - left
    const i = Math.floor((x / (width - left - right)) * bars.length)
    setAt(i >= 0 && i < bars.length ? i : undefined)
  }
  const walk = (event: KeyboardEvent) => {
    const now = at ?? bars.length - 1
    const to = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, Home: 0, End: bars.length - 1, PageUp: now - 6, PageDown: now + 6 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    setAt(Math.min(bars.length - 1, Math.max(0, to)))
  }
  const sum = bars.reduce((all, b) => ({ total: all.total + b.total, calls: all.calls + b.calls }), { total: 0, calls: 0 })
  return (
    <div className="stack-chart">
      <p className="small soft pointed" aria-hidden="true">{pointed ? words(pointed, byDay) : <><strong>{whole(sum.total)}</strong> tokens in {plural(sum.calls, 'call')}</>}</p>
      <div
        ref={box} className="stack-plot" role="slider" tabIndex={0} aria-label={byDay ? 'Tokens by day' : 'Tokens by hour'} aria-orientation="horizontal"
        aria-valuemin={1} aria-valuemax={Math.max(1, bars.length)} aria-valuenow={at === undefined ? bars.length : Math.min(at, bars.length - 1) + 1} aria-valuetext={words(pointed ?? bars.at(-1)!, byDay)}
        onKeyDown={walk} onFocus={(e) => e.target.matches(':focus-visible') && setAt((now) => now ?? bars.length - 1)} onBlur={() => setAt(undefined)} onPointerMove={point} onPointerDown={point} onPointerLeave={() => setAt(undefined)}
      >
        {width > 0 && <Drawing id={id} width={width} bars={bars} byDay={byDay} cap={cap} projected={projected} at={pointed && at} />}
      </div>
      <Legend id={id} cap={cap > 0} projected={projected !== undefined} />
    </div>
  )
}

function Drawing({ id, width, bars, byDay, cap, projected, at }: Props & { id: string; width: number; at: number | undefined }) {
  const highest = bars.reduce((most, b) => Math.max(most, b.total), projected ?? 0)
  const scale = scaleOf(highest, cap)
  const room = (width - left - right) / bars.length
  const thick = Math.max(1, Math.min(44, room * 0.74))
  const x = (i: number) => left + i * room + (room - thick) / 2
  const y = (n: number) => floor - (n / scale.top) * (floor - top)
  const every = everyOf(bars.length, width - left - right, byDay ? 58 : 52)
  const last = bars.length - 1
  return (
    <svg width={width} height={height} aria-hidden="true">
      <Patterns id={id} />
      {scale.marks.map((n) => (
        <g key={n}>
          <line className="stack-grid" x1={left} x2={width - right} y1={y(n)} y2={y(n)} />
          <text className="stack-ink" x={left - 8} y={y(n) + 4} textAnchor="end">{short(n)}</text>
        </g>
      ))}
      {at !== undefined && <rect className="stack-here" x={left + at * room} y={top - 4} width={room} height={floor - top + 4} rx="3" />}
      {bars.map((bar, i) => <Stacked key={bar.at} id={id} bar={bar} x={x(i)} thick={thick} y={y} />)}
      {projected !== undefined && projected > (bars[last]?.total ?? 0) && <rect className="stack-projected" x={x(last) + 0.75} y={y(projected)} width={Math.max(1, thick - 1.5)} height={Math.max(1, y(bars[last]?.total ?? 0) - y(projected))} />}
      {bars.map((bar, i) => (last - i) % every === 0 && <text key={bar.at} className="stack-ink" x={x(i) + thick / 2} y={height - 8} textAnchor={i === last && room < 40 ? 'end' : 'middle'}>{markOf(bar.at, byDay)}</text>)}
      {cap > 0 && <Cap y={scale.reached ? y(cap) : top - 6} width={width} text={scale.reached ? `cap ${short(cap)}` : `↑ cap ${short(cap)}, far above`} far={!scale.reached} />}
    </svg>
  )
}

function Cap({ y, width, text, far }: { y: number; width: number; text: string; far: boolean }) {
  return (
    <g className={far ? 'stack-cap far' : 'stack-cap'}>
      <line x1={left} x2={width - right} y1={y} y2={y} />
      <text x={width - right - 2} y={far ? y + 13 : y - 5} textAnchor="end">{text}</text>
    </g>
  )
}

/** One bar, its classes from below, with a hair of the ground between them. */
function Stacked({ id, bar, x, thick, y }: { id: string; bar: Bar; x: number; thick: number; y: (n: number) => number }) {
  const parts = partsOf(bar)
  let below = 0
  return (
    <g>
      {classes.map((c) => {
        const from = y(below)
        below += parts[c.key]
        const tall = from - y(below)
        return tall < 0.2 ? null : <rect key={c.key} fill={`url(#${id}${c.key})`} x={x} y={y(below)} width={thick} height={tall > 3 ? tall - 0.75 : tall} />
      })}
    </g>
  )
}

/** Each class has a ground and a pattern of its own, so that they differ without colour. */
const marks: Record<Class, string> = { input: '', cached_read: 'M-1 7L7 -1M5 9L9 5M-3 1L1 -3', cache_write: 'M1 1h2v2h-2z M5 5h2v2h-2z', output: 'M0 2h8M0 6h8', reasoning: 'M0 0L8 8M8 0L0 8' }

function Patterns({ id }: { id: string }) {
  return (
    <defs>
      {classes.map((c) => (
        <pattern key={c.key} id={id + c.key} className={`class-${c.key}`} width="8" height="8" patternUnits="userSpaceOnUse">
          <rect width="8" height="8" />
          {marks[c.key] && <path d={marks[c.key]} />}
        </pattern>
      ))}
    </defs>
  )
}

function Legend({ id, cap, projected }: { id: string; cap: boolean; projected: boolean }) {
  return (
    <ul className="stack-legend small soft" aria-label="What the bars are made of">
      {classes.map((c) => <li key={c.key}><svg width="14" height="14" aria-hidden="true"><rect width="14" height="14" rx="2" fill={`url(#${id}${c.key})`} /></svg>{c.text}</li>)}
      {cap && <li><svg width="18" height="14" aria-hidden="true" className="stack-cap"><line x1="0" x2="18" y1="7" y2="7" /></svg>cap</li>}
      {projected && <li><svg width="14" height="14" aria-hidden="true"><rect className="stack-projected" x="1" y="1" width="12" height="12" /></svg>at this pace</li>}
    </ul>
  )
}

/** The same figures as a table, for who reads rather than looks. */
export function StackTable({ bars, byDay, cap }: Omit<Props, 'projected'>) {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="The chart as a table">
      <table className="table figures-table">
        <caption className="sr">Tokens by {byDay ? 'day' : 'hour'} and class</caption>
        <thead><tr><th>{byDay ? 'Day' : 'Hour'}</th><th className="right">Calls</th>{classes.map((c) => <th key={c.key} className="right">{capital(c.text)}</th>)}<th className="right">Total</th>{cap > 0 && <th className="right">Of the cap</th>}</tr></thead>
        <tbody>
          {bars.filter((b) => b.calls > 0 || b.total > 0).toReversed().map((b) => {
            const parts = partsOf(b)
            return <tr key={b.at}><td className="nowrap">{nameOf(b.at, byDay)}</td><td className="right">{whole(b.calls)}</td>{classes.map((c) => <td key={c.key} className="right">{whole(parts[c.key])}</td>)}<td className="right"><strong>{whole(b.total)}</strong></td>{cap > 0 && <td className="right">{(100 * b.total / cap).toFixed(1)} %</td>}</tr>
          })}
        </tbody>
      </table>
    </div>
  )
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
