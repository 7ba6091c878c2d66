// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { BreakerEvent, FullBreaker } from '../api/words.ts'
import { paceOf, shareOf } from '../lib/burn.ts'
import { differences } from '../lib/caps.ts'
import { isTime, percent, short, span, whole } from '../lib/format.ts'
import { partOf } from '../lib/paging.ts'
import { breakerTone, isHalted } from '../lib/states.ts'
import { BreakerButtons, HaltDialog, ResumeButton } from '../ui/breaker.tsx'
import { Button } from '../ui/button.tsx'
import { Gauge } from '../ui/gauge.tsx'
import { CheckIcon, EditIcon, HaltIcon, PlusIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Badge, Card, Empty, Loaded, Time, type Tone } from '../ui/parts.tsx'
import { Said } from '../ui/said.tsx'
import { CapsDialog } from './caps.tsx'

/** Burn now against the caps, where it leads at the present pace, and the way to stop it. */
export function BreakerCard({ breaker: b, recent }: { breaker: FullBreaker; recent?: number | undefined }) {
  const soft = b.thresholds.soft_cap_pct
  return (
    <Card
      className="breaker" title={<span className="row">Breaker <Badge tone={breakerTone(b.state)} dot>{b.state}</Badge></span>}
      aside={<BreakerButtons breaker={b} />}
    >
      <div className="breaker-body">
        <div className="gauges">
          <Gauge label="This hour" value={b.burn_hour} cap={b.cap_hour} soft={soft} />
          <Gauge label="This day" value={b.burn_day} cap={b.cap_day} soft={soft} />
        </div>
        <div className="stack grow">
          {b.reason && <p className={isHalted(b.state) ? 'note bad' : 'note warn'}>{b.reason}</p>}
          <dl className="facts">
            <div><dt>Left this hour</dt><dd>{whole(Math.max(0, b.cap_hour - b.burn_hour))}</dd></div>
            <div><dt>Left this day</dt><dd>{whole(Math.max(0, b.cap_day - b.burn_day))}</dd></div>
            <div><dt>Cap reached in</dt><dd>{b.projected_minutes > 0 ? span(b.projected_minutes * 60) : 'not at this rate'}</dd></div>
            <div><dt>Reserved</dt><dd>{whole(b.reserved)} <span className="dim">by calls under way</span></dd></div>
            {recent !== undefined && <PaceFact recent={recent} cap={b.cap_hour} />}
            {isTime(b.since) && <div><dt>{isHalted(b.state) ? 'Halted' : 'Warns since'}</dt><dd><Time at={b.since} /></dd></div>}
            {isTime(b.cooldown_until) && <div><dt>May end by itself</dt><dd><Time at={b.cooldown_until} /></dd></div>}
          </dl>
          {b.fault && <p className="note bad">{b.fault}</p>}
          {isTime(b.suspended_until) && <p className="note warn">A forced resume: judging rests, and begins again <Time at={b.suspended_until} />.</p>}
          {b.thresholds.notify_only && <p className="note warn">Disarmed: the breaker only tells, it does not halt.</p>}
        </div>
      </div>
    </Card>
  )
}

function PaceFact({ recent, cap }: { recent: number; cap: number }) {
  const pace = paceOf(recent)
  return <div><dt>Pace of the last 10 min</dt><dd>{short(Math.round(pace.hour))} an hour <span className="dim">{percent(shareOf(pace.hour, cap))}</span></dd></div>
}

/** What the breaker did, by which lines it judges, whom it halts alone, and who judges. */
export function BreakerPast({ breaker: b }: { breaker: FullBreaker }) {
  const history = useRead('breaker.history', { limit: 500 }, { every: refreshEvery })
  return (
    <>
      <Scopes breaker={b} />
      <div className="grid-2">
        <Lines breaker={b} />
        <Judges breaker={b} />
      </div>
      <Card title="What it did" flush>
        <Loaded answer={history} lines={4}>{(h) => <Events events={h.events ?? []} />}</Loaded>
      </Card>
    </>
  )
}

function Scopes({ breaker: b }: { breaker: FullBreaker }) {
  const [open, setOpen] = useState<{ what: 'halt' | 'caps'; scope?: string }>()
  const close = () => setOpen(undefined)
  return (
    <Card
      title="Tenants and keys" flush className="scopes-card"
      aside={<><Button icon={<HaltIcon size={15} />} onPress={() => setOpen({ what: 'halt' })}>Halt one</Button><Button icon={<PlusIcon size={15} />} onPress={() => setOpen({ what: 'caps' })}>Caps for one</Button></>}
    >
      {!b.scopes?.length ? <Empty title="None has caps of its own, none is halted">A tenant or key may have caps of its own. Its HALT is then its alone.</Empty> : (
        <table className="table stacked scopes">
          <thead><tr><th>Whose</th><th>Stands</th><th className="right">Hour</th><th className="right">Day</th><th>May end by itself</th><th><span className="sr">Actions</span></th></tr></thead>
          <tbody>
            {b.scopes.map((s) => (
              <tr key={s.scope} data-scope={s.scope}>
                <td className="head"><strong>{s.scope}</strong>{s.reason && <span className="dim small"> {s.reason}</span>}</td>
                <td data-label="Stands"><Badge tone={breakerTone(s.state)} dot>{s.state}</Badge></td>
                <td className="right" data-label="Hour"><Burned burn={s.burn_hour} cap={s.cap_hour} what={`${s.scope}, this hour`} /></td>
                <td className="right" data-label="Day"><Burned burn={s.burn_day} cap={s.cap_day} what={`${s.scope}, this day`} /></td>
                <td data-label="May end by itself"><Time at={s.cooldown_until} /></td>
                <td className="acts"><span className="row scope-acts">
                  {isHalted(s.state) ? <ResumeButton scope={s.scope} /> : <Button kind="ghost" onPress={() => setOpen({ what: 'halt', scope: s.scope })} aria-label={`Halt ${s.scope}`}>Halt</Button>}
                  <Button kind="ghost" onPress={() => setOpen({ what: 'caps', scope: s.scope })} aria-label={`Change the caps of ${s.scope}`}>Caps</Button>
                </span></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {open?.what === 'halt' && <HaltDialog {...(open.scope ? { scope: open.scope } : { choose: true })} onClose={close} />}
      {open?.what === 'caps' && <CapsDialog scope={open.scope ?? ''} thresholds={b.thresholds} onClose={close} />}
    </Card>
  )
}

function Burned({ burn, cap, what }: { burn: number; cap: number | undefined; what: string }) {
  if (!cap) return <span>{short(burn)} <span className="dim">no cap</span></span>
  return (
    <span className="burned">
      <span title={`${whole(burn)} of ${whole(cap)}`}>{short(burn)} <span className="dim">of {short(cap)} · {percent(shareOf(burn, cap))}</span></span>
      <meter className="share" min={0} max={1} value={Math.min(1, shareOf(burn, cap))} aria-label={`Burn of ${what}`} />
    </span>
  )
}

function Lines({ breaker: { thresholds: t } }: { breaker: FullBreaker }) {
  const [open, setOpen] = useState(false)
  return (
    <Card title="By which lines" aside={<Button icon={<EditIcon size={15} />} onPress={() => setOpen(true)} aria-label="Change the lines">Change</Button>}>
      <dl className="facts">
        <div><dt>An hour</dt><dd>{whole(t.hard_cap_per_hour)}</dd></div>
        <div><dt>A day</dt><dd>{whole(t.hard_cap_per_day)}</dd></div>
        <div><dt>Warns at</dt><dd>{percent(t.soft_cap_pct)}</dd></div>
        <div><dt>Halts at</dt><dd>{percent(t.hard_cap_pct)}</dd></div>
        <div><dt>Rests for</dt><dd>{span(t.cooldown_hours * 3600)}</dd></div>
        <div><dt>Streams under way</dt><dd>{t.cut_streams ? 'are cut' : 'may finish'}</dd></div>
        <div><dt>Blind after</dt><dd>{span(t.blind_seconds)}</dd></div>
        <div><dt>Armed</dt><dd>{t.notify_only ? 'no: it only tells' : 'yes'}</dd></div>
      </dl>
      {open && <CapsDialog scope="house" thresholds={t} onClose={() => setOpen(false)} />}
    </Card>
  )
}

function Judges({ breaker: { judges } }: { breaker: FullBreaker }) {
  return (
    <Card title="Who judges" flush>
      {!judges?.length ? <Empty title="Nobody has judged yet" /> : (
        <ul className="lines">
          {judges.map((j) => (
            <li key={j.by} className="alert-line">
              <Badge tone={j.fault ? 'bad' : 'good'} dot>{j.level || 'judges'}</Badge>
              <div className="grow"><p><strong>{j.by}</strong>{j.telemetry && <span className="soft"> with the logs of sessions</span>}</p>{j.fault && <p className="soft">{j.fault}</p>}</div>
              <span className="dim small"><Time at={j.at} /></span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

const tones: Record<string, Tone> = { halt: 'bad', halted: 'bad', warn: 'warn', warned: 'warn', resume: 'good', resumed: 'good', calm: 'good' }

const toneOf = (event: string): Tone => tones[event] ?? (event.includes('halt') ? 'bad' : event.includes('resum') ? 'good' : 'calm')

const pastShown = 20

function Events({ events }: { events: BreakerEvent[] }) {
  const [page, setPage] = useState(0)
  if (events.length === 0) return <Empty title="It never had to do anything" icon={<CheckIcon size={22} />}>Warnings, halts, resumes and changed lines show here.</Empty>
  return (
    <>
    <ul className="lines">
      {partOf(events, page, pastShown).rows.map((e, i) => (
        <li key={e.time + i} className="alert-line">
          <Badge tone={toneOf(e.event)}>{e.event}</Badge>
          <div className="grow">
            <p>{e.scope && <strong>{e.scope} </strong>}<Said text={e.reason ?? ''} />{differences(e.detail).map((d) => <span key={d} className="change">{d}</span>)}</p>
            <p className="soft">{[e.burn != null && e.cap ? `${whole(e.burn)} of ${whole(e.cap)}` : '', e.by ? `by ${e.by}` : ''].filter(Boolean).join(' · ')}</p>
          </div>
          <span className="dim small"><Time at={e.time} /></span>
        </li>
      ))}
    </ul>
    <Pager {...partOf(events, page, pastShown)} count={events.length} size={pastShown} label="what the breaker did" onPage={setPage} />
    </>
  )
}
