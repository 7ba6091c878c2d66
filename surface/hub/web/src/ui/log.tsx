// SPDX-License-Identifier: Apache-2.0
import { useEffect, useMemo, useRef, useState } from 'react'

import { useStream } from '../api/live.tsx'
import type { LogEvent, Unit } from '../api/words.ts'
import { exact, plural } from '../lib/format.ts'
import { readLine, type LogLine } from '../lib/logline.ts'
import { unitTone } from '../lib/states.ts'
import { appendLast } from '../lib/stream.ts'
import { Button } from './button.tsx'
import { Drawer } from './dialog.tsx'
import { Badge, Empty, Search } from './parts.tsx'

const kept = 2_000
const tail = 300

/** The live log of one unit. */
export function LogDrawer({ unit, name, known, onClose }: { unit: Unit | undefined; name: string | undefined; known: boolean; onClose: () => void }) {
  // The name stays while the drawer slides away.
  const last = useRef(name)
  if (name) last.current = name
  return (
    <Drawer
      open={!!name} onClose={onClose}
      title={<>Log of {last.current}</>}
      actions={unit && <Badge tone={unitTone(unit.state)} dot>{unit.state}</Badge>}
    >
      {known && !unit && <Empty title={`There is no unit ${last.current ?? ''}`}>It may have been renamed, or its extension is gone.</Empty>}
      {last.current && (unit || !known) && <LogView key={last.current} unit={last.current} />}
    </Drawer>
  )
}

const append = (old: LogLine[], events: LogEvent[]) => appendLast(old, events.map((e) => readLine(e.line)), kept)
const nothing: LogLine[] = []

function LogView({ unit }: { unit: string }) {
  const url = `/api/v1/log/show/follow?${new URLSearchParams({ unit, lines: String(tail) })}`
  const { value: lines, state } = useStream<LogEvent, LogLine[]>(url, append, nothing)
  const [text, setText] = useState('')
  const [following, setFollowing] = useState(true)
  const box = useRef<HTMLDivElement>(null)
  const wanted = text.toLowerCase()
  const shown = useMemo(() => (wanted === '' ? lines : lines.filter((l) => l.text.toLowerCase().includes(wanted))), [lines, wanted])

  useEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [shown, following])

  const onScroll = () => {
    const el = box.current
    if (el) setFollowing(el.scrollHeight - el.scrollTop - el.clientHeight < 24)
  }
  return (
    <>
      <div className="log-bar">
        <Search value={text} onChange={setText} label="Filter lines" />
        <span className="dim small grow" role="status">{state === 'live' ? `${plural(shown.length, 'line')}, live` : state === 'reconnecting' ? 'reconnecting…' : 'opening…'}</span>
        <Button kind={following ? 'primary' : 'plain'} aria-pressed={following} onPress={() => setFollowing(!following)}>{following ? 'Following' : 'Follow'}</Button>
      </div>
      <div className="log" ref={box} onScroll={onScroll} tabIndex={0} role="log" aria-label={`Log of ${unit}`} aria-live="off">
        {shown.length === 0 && <Empty title={lines.length > 0 ? 'No line fits' : state === 'live' ? 'No lines yet' : 'Opening the log…'} />}
        {shown.map((l, i) => <Line key={i} line={l} />)}
      </div>
    </>
  )
}

function Line({ line: { at, tone, text } }: { line: LogLine }) {
  return (
    <div className={`log-line ${tone}`}>
      {at && <time dateTime={at.toISOString()} title={exact(at)}>{at.toLocaleTimeString('en-GB', { hour12: false })}</time>}
      <span>{text}</span>
    </div>
  )
}
