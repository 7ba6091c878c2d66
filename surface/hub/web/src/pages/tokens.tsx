// SPDX-License-Identifier: Apache-2.0
import { useMemo, useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Burner, FullBreaker, Hour, Tokens } from '../api/words.ts'
import { isTime, percent, plural, short, span, whole } from '../lib/format.ts'
import { breakerTone, isHalted } from '../lib/states.ts'
import { BreakerButtons } from '../ui/breaker.tsx'
import { HourChart } from '../ui/chart.tsx'
import { Gauge } from '../ui/gauge.tsx'
import { TokensIcon } from '../ui/icons.tsx'
import { Badge, Card, Empty, Loaded, Page, Time } from '../ui/parts.tsx'

export function TokensPage() {
  const tokens = useRead('token.summary', {}, { every: refreshEvery })
  const breaker = useRead('breaker.status', {}, { every: refreshEvery })
  return (
    <Page title="Tokens" about="Every token is counted before it is spent">
      <Loaded answer={breaker} lines={4}>{(b) => <BreakerCard breaker={b} />}</Loaded>
      <Loaded answer={tokens} lines={8}>
        {(t) => (
          <>
            <Figures tokens={t} />
            <Hours hours={t.by_hour ?? []} />
            <div className="grid-2">
              <Burners title="By agent" rows={t.by_agent ?? []} />
              <Burners title="By model" rows={t.by_model ?? []} />
            </div>
          </>
        )}
      </Loaded>
    </Page>
  )
}

function BreakerCard({ breaker: b }: { breaker: FullBreaker }) {
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
            <div><dt>Warns at</dt><dd>{percent(soft)}</dd></div>
            <div><dt>Cap reached in</dt><dd>{b.projected_minutes > 0 ? span(b.projected_minutes * 60) : 'not at this rate'}</dd></div>
            <div><dt>Reserved</dt><dd>{whole(b.reserved)} <span className="dim">by calls under way</span></dd></div>
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

function Figures({ tokens: { today, last_hour } }: { tokens: Tokens }) {
  const figures: [string, string, string][] = [
    ['Today', short(today.total), plural(today.calls, 'call')],
    ['Last hour', short(last_hour.total), plural(last_hour.calls, 'call')],
    ['Input', short(today.input), 'not cached'],
    ['Cache', short(today.cached_read), `read, ${short(today.cache_write)} written`],
    ['Output', short(today.output), today.reasoning > 0 ? `${short(today.reasoning)} of it reasoning` : 'written by models'],
  ]
  return (
    <>
      <ul className="figures">
        {figures.map(([name, value, about]) => <li key={name}><span className="soft small">{name}</span><strong>{value}</strong><span className="dim small">{about}</span></li>)}
      </ul>
      {today.estimated > 0 && <p className="dim small">{plural(today.estimated, 'call')} of today {today.estimated === 1 ? 'is' : 'are'} estimated: the provider did not say what it used.</p>}
    </>
  )
}

function Hours({ hours }: { hours: Hour[] }) {
  const times = useMemo(() => hours.map((h) => Date.parse(h.time) / 1000), [hours])
  const values = useMemo(() => hours.map((h) => h.total), [hours])
  const [at, setAt] = useState<number>()
  const pointed = at === undefined ? undefined : hours[at]
  const quiet = values.every((v) => v === 0)
  return (
    <Card
      title="By hour"
      aside={<span className="dim small">{pointed ? <>{hourOf(pointed.time)} · <strong className="soft">{whole(pointed.total)}</strong> tokens in {plural(pointed.calls, 'call')}</> : `tokens, last ${hours.length} h`}</span>}
    >
      {quiet ? <Empty title="No calls yet" icon={<TokensIcon size={26} />}>The first model call shows here.</Empty> : <HourChart times={times} values={values} onPoint={setAt} />}
      <table className="sr">
        <caption>Tokens by hour</caption>
        <thead><tr><th>Hour</th><th>Tokens</th><th>Calls</th></tr></thead>
        <tbody>{hours.filter((h) => h.total > 0).map((h) => <tr key={h.time}><td>{h.time}</td><td>{h.total}</td><td>{h.calls}</td></tr>)}</tbody>
      </table>
    </Card>
  )
}

const hourOf = (time: string): string => new Date(time).toLocaleString('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' })

const rowsShown = 50

function Burners({ title, rows }: { title: string; rows: Burner[] }) {
  const all = rows.reduce((sum, r) => sum + r.total, 0)
  return (
    <Card title={title} flush aside={rows.length > rowsShown ? <span className="dim small">the largest {rowsShown} of {rows.length}</span> : undefined}>
      {rows.length === 0 ? (
        <Empty title="No calls today" />
      ) : (
        <table className="table burners">
          <thead><tr><th>Name</th><th className="right">Calls</th><th className="right">Out</th><th className="right">Tokens</th></tr></thead>
          <tbody>
            {rows.slice(0, rowsShown).map((r) => (
              <tr key={r.name}>
                <td>
                  <span className="row"><span className="clip burner-name" title={r.name}>{r.name || 'direct'}</span><span className="dim small">{percent(r.total / Math.max(1, all))}</span></span>
                  <meter className="share" min={0} max={1} value={all > 0 ? r.total / all : 0} aria-label={`Share of ${r.name || 'direct'}`} />
                </td>
                <td className="right">{whole(r.calls)}</td>
                <td className="right" title={whole(r.output)}>{short(r.output)}</td>
                <td className="right" title={whole(r.total)}>{short(r.total)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  )
}
