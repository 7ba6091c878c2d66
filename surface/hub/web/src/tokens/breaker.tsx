// SPDX-License-Identifier: Apache-2.0
import { refreshEvery, useRead } from '../api/house.ts'
import type { BreakerEvent, FullBreaker } from '../api/words.ts'
import { paceOf, shareOf } from '../lib/burn.ts'
import { isTime, percent, short, span, whole } from '../lib/format.ts'
import { breakerTone, isHalted } from '../lib/states.ts'
import { BreakerButtons } from '../ui/breaker.tsx'
import { Gauge } from '../ui/gauge.tsx'
import { CheckIcon } from '../ui/icons.tsx'
import { Badge, Card, Empty, Loaded, Time, type Tone } from '../ui/parts.tsx'
import { Said } from '../ui/said.tsx'

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
            <div><dt>Hour</dt><dd>{whole(b.burn_hour)} <span className="dim">of {whole(b.cap_hour)}</span></dd></div>
            <div><dt>Day</dt><dd>{whole(b.burn_day)} <span className="dim">of {whole(b.cap_day)}</span></dd></div>
            <div><dt>Cap reached in</dt><dd>{b.projected_minutes > 0 ? span(b.projected_minutes * 60) : 'not at this rate'}</dd></div>
            <div><dt>Reserved</dt><dd>{whole(b.reserved)} <span className="dim">by calls under way</span></dd></div>
            {recent !== undefined && <PaceFact recent={recent} cap={b.cap_hour} />}
            <div><dt>Warns at</dt><dd>{percent(soft)}</dd></div>
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
  const history = useRead('breaker.history', { limit: 50 }, { every: refreshEvery })
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
  if (!b.scopes?.length) return null
  return (
    <Card title="Tenants and keys with caps of their own" flush>
      <table className="table stacked">
        <thead><tr><th>Whose</th><th>Stands</th><th className="right">Hour</th><th className="right">Day</th><th>May end by itself</th></tr></thead>
        <tbody>
          {b.scopes.map((s) => (
            <tr key={s.scope}>
              <td className="head"><strong>{s.scope}</strong>{s.reason && <span className="dim small"> {s.reason}</span>}</td>
              <td data-label="Stands"><Badge tone={breakerTone(s.state)} dot>{s.state}</Badge></td>
              <td className="right" data-label="Hour"><span>{short(s.burn_hour)}{s.cap_hour ? <span className="dim"> of {short(s.cap_hour)}</span> : null}</span></td>
              <td className="right" data-label="Day"><span>{short(s.burn_day)}{s.cap_day ? <span className="dim"> of {short(s.cap_day)}</span> : null}</span></td>
              <td data-label="May end by itself"><Time at={s.cooldown_until} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  )
}

function Lines({ breaker: { thresholds: t } }: { breaker: FullBreaker }) {
  return (
    <Card title="By which lines">
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
      <p className="dim small lines-note">They are the owner's: <code>holdfast breaker thresholds set</code></p>
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

function Events({ events }: { events: BreakerEvent[] }) {
  if (events.length === 0) return <Empty title="It never had to do anything" icon={<CheckIcon size={22} />}>Warnings, halts, resumes and changed lines show here.</Empty>
  return (
    <ul className="lines">
      {events.map((e, i) => (
        <li key={e.time + i} className="alert-line">
          <Badge tone={toneOf(e.event)}>{e.event}</Badge>
          <div className="grow">
            <p>{e.scope && <strong>{e.scope} </strong>}<Said text={e.reason ?? ''} /></p>
            <p className="soft">{[e.burn != null && e.cap ? `${whole(e.burn)} of ${whole(e.cap)}` : '', e.by ? `by ${e.by}` : ''].filter(Boolean).join(' · ')}</p>
          </div>
          <span className="dim small"><Time at={e.time} /></span>
        </li>
      ))}
    </ul>
  )
}
