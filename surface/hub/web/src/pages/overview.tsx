// SPDX-License-Identifier: Apache-2.0
import { Link } from '@tanstack/react-router'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Alert, Breaker, Entry, FullBreaker, HouseStatus, Tokens, Unit } from '../api/words.ts'
import { gist } from '../lib/entry.ts'
import { percent, plural, short, span, whole } from '../lib/format.ts'
import { breakerTone, isHalted, isStill, isTroubled, isUp, outcomeTone, severityTone, unitTone } from '../lib/states.ts'
import { mergeNewest } from '../lib/stream.ts'
import { BreakerButtons } from '../ui/breaker.tsx'
import { Gauge } from '../ui/gauge.tsx'
import { CheckIcon } from '../ui/icons.tsx'
import { UnderWay } from '../ui/operations.tsx'
import { Page } from '../ui/page.tsx'
import { Badge, Card, Copy, Empty, Loaded, Skeleton, Time } from '../ui/parts.tsx'
import { Sparkline } from '../ui/sparkline.tsx'

export function Overview() {
  const status = useRead('house.status', {}, { every: refreshEvery })
  const tokens = useRead('token.summary', {}, { every: refreshEvery })
  const breaker = useRead('breaker.status', {}, { every: refreshEvery })
  const journal = useRead('journal.show', { limit: 12 })
  return (
    <Page title="Overview" tellsHalt about={<Headline status={status.data} />}>
      <Loaded answer={status} lines={8}>
        {(house) => (
          <>
            <Door house={house} />
            <UnderWay />
            <div className="grid-3">
              <UnitsCard units={house.units ?? []} />
              <BurnCard tokens={tokens.data} />
              <BreakerCard breaker={house.breaker} full={breaker.data} />
            </div>
            <div className="grid-2">
              <AlertsCard alerts={house.alerts ?? []} />
              <Card title="Lately" flush aside={<Link to="/journal" className="small">Journal</Link>}>
                <Loaded answer={journal} lines={6}>{(j) => <Lately entries={mergeNewest(j.entries ?? [], [], 10)} />}</Loaded>
              </Card>
            </div>
          </>
        )}
      </Loaded>
    </Page>
  )
}

function Headline({ status }: { status: HouseStatus | undefined }) {
  if (!status) return <>&nbsp;</>
  const units = status.units ?? []
  const wanted = units.filter((u) => !isStill(u.state))
  const troubled = wanted.filter((u) => isTroubled(u.state)).length
  if (isHalted(status.breaker.state)) return <>The breaker stands at HALT: no model call goes through.</>
  if (troubled > 0) return <>{plural(troubled, 'unit needs', 'units need')} a look.</>
  return <>All is fast: {wanted.filter((u) => isUp(u.state)).length} of {plural(wanted.length, 'unit')} up.</>
}

function Door({ house }: { house: HouseStatus }) {
  return (
    <Card className="door">
      <dl>
        <div className="grow">
          <dt>Front door</dt>
          <dd className="row"><a href={house.url} className="clip mono">{house.url}</a><Copy text={house.url} label="Copy the address" /></dd>
        </div>
        <div><dt>Up since</dt><dd><Time at={house.since} /></dd></div>
        <div><dt>Version</dt><dd>{house.version}</dd></div>
        <div><dt>Process</dt><dd>{house.pid}</dd></div>
        <div className="door-home"><dt>Home</dt><dd className="clip mono" title={house.home}>{house.home}</dd></div>
      </dl>
    </Card>
  )
}

const unitsShown = 8

function UnitsCard({ units }: { units: Unit[] }) {
  const up = units.filter((u) => isUp(u.state)).length
  const order = (u: Unit) => (isTroubled(u.state) ? 0 : isUp(u.state) ? 1 : 2)
  const sorted = units.toSorted((a, b) => order(a) - order(b) || a.name.localeCompare(b.name))
  return (
    <Card title="What runs" aside={<span className="dim small">{up} of {units.length} up</span>}>
      {units.length === 0 ? (
        <Empty title="No units yet">Name some in <code>holdfast.yaml</code>, or install an extension.</Empty>
      ) : (
        <ul className="unit-lines">
          {sorted.slice(0, unitsShown).map((u) => (
            <li key={u.name}>
              <Link to="/units" search={{ unit: u.name }} className="row">
                <span className={`dot ${unitTone(u.state)}`} aria-hidden="true" />
                <span className="grow clip">{u.name}</span>
                <span className="dim small">{u.state}</span>
              </Link>
            </li>
          ))}
          {sorted.length > unitsShown && <li><Link to="/units" className="small">and {sorted.length - unitsShown} more</Link></li>}
        </ul>
      )}
    </Card>
  )
}

function BurnCard({ tokens }: { tokens: Tokens | undefined }) {
  return (
    <Card title="Burn today" className="burn" aside={<Link to="/tokens" className="small">Tokens</Link>}>
      {!tokens ? (
        <Skeleton lines={3} />
      ) : (
        <>
          <p className="figure"><strong title={`${whole(tokens.today.total)} tokens`}>{short(tokens.today.total)}</strong> <span className="dim">tokens in {plural(tokens.today.calls, 'call')}</span></p>
          <Burners tokens={tokens} />
          <Sparkline values={(tokens.by_hour ?? []).map((h) => h.total)} label="Tokens by hour" />
        </>
      )}
    </Card>
  )
}

const burnersShown = 4

function Burners({ tokens }: { tokens: Tokens }) {
  const agents = (tokens.by_agent ?? []).slice(0, burnersShown)
  return (
    <ul className="burn-lines">
      {agents.map((a) => (
        <li key={a.name} className="row"><span className="grow clip">{a.name || 'direct'}</span><span className="dim">{percent(a.total / Math.max(1, tokens.today.total))}</span><span className="burn-total">{short(a.total)}</span></li>
      ))}
    </ul>
  )
}

function BreakerCard({ breaker, full }: { breaker: Breaker; full: FullBreaker | undefined }) {
  const soft = full?.thresholds.soft_cap_pct ?? 0.8
  return (
    <Card title="Breaker" aside={<Badge tone={breakerTone(breaker.state)} dot>{breaker.state}</Badge>}>
      {breaker.reason && <p className="note bad">{breaker.reason}</p>}
      <div className="gauges">
        <Gauge label="This hour" value={breaker.burn_hour} cap={breaker.cap_hour} soft={soft} />
        <Gauge label="This day" value={breaker.burn_day} cap={breaker.cap_day} soft={soft} />
      </div>
      {full && (
        <ul className="burn-lines">
          <li className="row"><span className="grow">Warns at</span><span className="burn-total">{percent(soft)}</span></li>
          <li className="row"><span className="grow">Halts at</span><span className="burn-total">{percent(full.thresholds.hard_cap_pct)}</span></li>
          <li className="row"><span className="grow">Reserved by calls under way</span><span className="burn-total">{short(full.reserved)}</span></li>
          <li className="row"><span className="grow">Cap reached in</span><span className="nowrap">{full.projected_minutes > 0 ? span(full.projected_minutes * 60) : 'not at this rate'}</span></li>
        </ul>
      )}
      {isHalted(breaker.state) && <div className="row breaker-act"><BreakerButtons breaker={breaker} /></div>}
    </Card>
  )
}

function AlertsCard({ alerts }: { alerts: Alert[] }) {
  return (
    <Card title="Alerts" flush aside={alerts.length > 0 ? <span className="dim small">{alerts.length}</span> : undefined}>
      {alerts.length === 0 ? (
        <Empty title="No alerts" icon={<CheckIcon size={22} />}>Nothing asks for you.</Empty>
      ) : (
        <ul className="lines">
          {alerts.map((a) => (
            <li key={a.name + a.subject} className="alert-line">
              <Badge tone={severityTone(a.severity)} dot>{a.severity}</Badge>
              <div className="grow"><strong>{a.name}</strong> <span className="soft">{a.subject}</span><p className="soft">{a.message}</p></div>
              <span className="dim small"><Time at={a.since} /></span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function Lately({ entries }: { entries: Entry[] }) {
  if (entries.length === 0) return <Empty title="Nothing yet">What happens in the house is written here.</Empty>
  return (
    <ul className="lines">
      {entries.map((e) => (
        <li key={`${e.node}/${e.sequence}`}>
          <Link to="/journal" search={{ entry: String(e.sequence) }} className="lately">
            <span className={`dot ${outcomeTone(e.outcome)}`} aria-hidden="true" />
            <span className="grow clip"><code>{e.action}</code> <span className="soft">{e.subject}</span> <span className="dim">{gist(e.detail)}</span></span>
            <span className="dim small">{e.outcome}</span>
            <span className="dim small when"><Time at={e.time} /></span>
          </Link>
        </li>
      ))}
    </ul>
  )
}

