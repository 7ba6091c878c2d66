// SPDX-License-Identifier: Apache-2.0
import { useMemo, useState } from 'react'

import { exact, percent, plural, span } from '../lib/format.ts'
import { falls, launches, stretches, upShare, type Change, type Launch } from '../lib/history.ts'
import { unitTone } from '../lib/states.ts'
import { Button } from '../ui/button.tsx'
import { Empty, Segments, Time } from '../ui/parts.tsx'
import { Said } from '../ui/said.tsx'
import { StateIcon } from '../ui/stateicon.tsx'
import { useNow } from './clock.tsx'

const spans = { '1h': 3_600_000, '6h': 21_600_000, '24h': 86_400_000 } as const
type Span = keyof typeof spans

const shownFirst = 6

/** How a unit came to stand as it does: a ribbon of its states, and its launches with what became of them. */
export function History({ changes, state }: { changes: Change[]; state: string }) {
  const [reach, setReach] = useState<Span>('1h')
  const [all, setAll] = useState(false)
  const list = useMemo(() => launches(changes), [changes])
  if (changes.length === 0) return <Empty title="No change is on record">The journal holds none, or it was archived.</Empty>
  return (
    <div className="stack">
      <div className="row wrap">
        <Segments label="How far back" value={reach} onChange={setReach} options={Object.keys(spans).map((s) => ({ value: s as Span, text: s }))} />
        <Ribbon changes={changes} state={state} reach={spans[reach]} />
      </div>
      <ol className="launches">{(all ? list : list.slice(0, shownFirst)).map((l) => <LaunchItem key={l.launch || l.changes[0]?.at} launch={l} />)}</ol>
      {!all && list.length > shownFirst && <div><Button kind="ghost" onPress={() => setAll(true)}>{plural(list.length - shownFirst, 'launch', 'launches')} before these</Button></div>}
    </div>
  )
}

function Ribbon({ changes, state, reach }: { changes: Change[]; state: string; reach: number }) {
  const now = useNow()
  // Before the first change on record nothing is known.
  const from = Math.max(now - reach, Math.min(now - 1_000, ...changes.map((c) => Date.parse(c.at))))
  const list = stretches(changes, from, now, state)
  const within = changes.filter((c) => Date.parse(c.at) >= from)
  const long = now - from
  const said = `Up ${percent(upShare(list))} of the last ${span(long / 1000)}; it ended unasked ${plural(falls(within), 'time')}.`
  return (
    <div className="grow ribbon">
      <svg viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label={said}>
        {list.map((s) => (
          <rect key={s.from} className={unitTone(s.state)} x={((s.from - from) / long) * 1000} width={Math.max(2, ((s.to - s.from) / long) * 1000)} y={unitTone(s.state) === 'good' ? 0 : unitTone(s.state) === 'still' ? 14 : 6} height="20">
            <title>{`${s.state} for ${span((s.to - s.from) / 1000)}${s.detail ? `: ${s.detail}` : ''}`}</title>
          </rect>
        ))}
      </svg>
      <span className="dim small">{said}</span>
    </div>
  )
}

function LaunchItem({ launch }: { launch: Launch }) {
  return (
    <li className="launch">
      <p className="small dim">{launch.launch ? <>Launch <code className="hash">{launch.launch}</code>{launch.pid ? `, pid ${launch.pid}` : ''}</> : 'Without a process'}</p>
      <ol className="changes">
        {launch.changes.map((c, i) => (
          <li key={`${c.at} ${c.to}`}>
            <StateIcon state={c.to} />
            <span className="grow"><strong>{c.to}</strong>{c.detail && <span className="soft"> <Said text={c.detail} /></span>}</span>
            <Lasted change={c} next={launch.changes[i - 1]} />
            <span className="dim small change-at" title={exact(new Date(c.at))}><Time at={c.at} /></span>
          </li>
        ))}
      </ol>
    </li>
  )
}

/** How long a state held, where the next is known, and no clock that went back hides it. */
function Lasted({ change, next }: { change: Change; next: Change | undefined }) {
  if (!next) return null
  const ms = Date.parse(next.at) - Date.parse(change.at)
  if (ms < 0) return null
  return <span className="dim small nowrap">{ms < 1_000 ? `${ms} ms` : `for ${span(ms / 1000)}`}</span>
}
