// SPDX-License-Identifier: Apache-2.0
import { useState, type ReactNode } from 'react'

import { refreshEvery, useChange, useRead } from '../api/house.ts'
import type { Budget, BudgetEvent } from '../api/words.ts'
import { addsUp, amount, budgetTone, byScope, isSetHere, limitWords, quotaWords, reportFile, type Limit } from '../lib/budgets.ts'
import { download } from '../lib/download.ts'
import { exact, percent, plural } from '../lib/format.ts'
import { shareOf } from '../lib/burn.ts'
import { partOf } from '../lib/paging.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { confirm } from '../ui/confirm.tsx'
import { CloseIcon, DownloadIcon, PlusIcon, TokensIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Badge, Card, Empty, Loaded, Time, type Tone } from '../ui/parts.tsx'
import { Said } from '../ui/said.tsx'
import { SetBudget } from './setbudget.tsx'

const touches = ['budget.report', 'budget.history', 'budget.parked']

/** Every budget with what it counted, and what happened to them. */
export function Budgets() {
  const report = useRead('budget.report', {}, { every: refreshEvery })
  const history = useRead('budget.history', { limit: 500 }, { every: refreshEvery })
  const [setting, setSetting] = useState<string>()
  return (
    <>
      <Loaded answer={report} lines={6}>
        {(r) => (
          <>
            <div className="row wrap">
              <p className="soft small grow">{r.budgets?.length ? (r.reconciled ? 'The sums agree with the rows of the ledger to the token.' : 'The sums do not agree with the rows of the ledger: see below.') : ''}</p>
              <Button kind="primary" icon={<PlusIcon size={15} />} onPress={() => setSetting('')}>Set a budget</Button>
            </div>
            {!r.budgets?.length && <Card><Empty title="No budgets" icon={<TokensIcon size={26} />}>Without one, only the breaker's caps bound what is spent.</Empty></Card>}
            <div className="budget-scopes">{byScope(r.budgets ?? []).map(([scope, rows]) => <Scope key={scope} scope={scope} rows={rows} onSet={() => setSetting(scope)} />)}</div>
            {(r.budgets ?? []).length > 0 && <Report lines={r.budgets ?? []} />}
          </>
        )}
      </Loaded>
      <Card title="What happened to budgets" flush>
        <Loaded answer={history} lines={4}>{(h) => <Past events={h.events ?? []} />}</Loaded>
      </Card>
      {setting !== undefined && <SetBudget scope={setting} known={(report.data?.budgets ?? []).filter((b) => b.scope === setting)} onClose={() => setSetting(undefined)} />}
    </>
  )
}

/** Quota · activity · archived of each budget on one page, and that they add up. */
function Report({ lines }: { lines: Budget[] }) {
  return (
    <Card title="Report" flush aside={<Button icon={<DownloadIcon size={15} />} onPress={() => download('budgets.csv', reportFile(lines))} aria-label="The report as CSV">CSV</Button>}>
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Report of the budgets">
        <table className="table budget-report">
          <thead><tr><th>Budget</th><th className="right">Activity</th><th className="right">− archived</th><th className="right">= counted</th><th className="right">Quota</th><th className="right">− reserved</th><th className="right">= left</th><th>Since</th><th>Agrees</th></tr></thead>
          <tbody>
            {lines.map((b) => {
              const say = (n: number) => amount(b.limit, n)
              const agrees = b.reconciled && addsUp(b)
              return (
                <tr key={b.scope + b.limit}>
                  <td><strong>{b.scope}</strong> <span className="soft nowrap">{limitWords(b.limit)}</span></td>
                  <td className="right">{say(b.activity)}</td><td className="right">{say(b.archived)}</td><td className="right"><strong>{say(b.counted)}</strong></td>
                  <td className="right">{say(b.quota)}</td><td className="right">{say(b.reserved)}</td><td className={b.left < 0 ? 'right problem' : 'right'}>{say(b.left)}</td>
                  <td className="nowrap"><Time at={b.since} /></td>
                  <td><Badge tone={agrees ? 'good' : 'bad'}>{agrees ? 'to the token' : 'no'}</Badge></td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
    </Card>
  )
}

function Scope({ scope, rows, onSet }: { scope: string; rows: Budget[]; onSet: () => void }) {
  const reset = useChange('budget.reset', { touches, done: () => `${scope} begins anew; what was spent is archived` })
  const remove = useChange('budget.remove', { touches, done: () => `What was set for ${scope} is taken away` })
  const askReset = async () => {
    const body = (
      <>
        <p className="soft">It counts from nothing again. What was spent stays in the reports, as archived:</p>
        <ul className="stack-tight">{rows.map((b) => <li key={b.limit}>{amount(b.limit, b.counted)} <span className="dim">of {quotaWords(b.limit, b.quota)}</span></li>)}</ul>
      </>
    )
    if (await confirm({ title: `Reset the budgets of ${scope}?`, body, yes: 'Reset' })) await reset.run({ scope })
  }
  const askRemove = async (limit?: string) => {
    const what = limit ? `the ${limitWords(limit)} of ${scope}` : `what was set for ${scope}`
    const body = <p className="soft">What <code>holdfast.yaml</code> says holds again; where it says nothing, nothing is limited.</p>
    if (await confirm({ title: `Take away ${what}?`, body, yes: 'Take away', danger: true })) await remove.run({ scope, ...(limit ? { limit: limit as Limit } : {}) })
  }
  return (
    <Card
      title={scope} className="budget-scope"
      aside={
        <span className="row wrap">
          {rows.some((b) => isSetHere(b.setting)) && <Button kind="ghost" busy={remove.busy} onPress={() => void askRemove()} aria-label={`Remove the budgets of ${scope}`}>Remove</Button>}
          <Button busy={reset.busy} onPress={() => void askReset()} aria-label={`Reset the budgets of ${scope}`}>Reset</Button>
          <Button onPress={onSet} aria-label={`Change the budgets of ${scope}`}>Change</Button>
        </span>
      }
    >
      <ul className="budgets">{rows.map((b) => <li key={b.limit} data-budget={`${scope} ${b.limit}`}><Row budget={b} aside={rows.length > 1 && isSetHere(b.setting) ? <IconButton label={`Remove ${limitWords(b.limit)} of ${scope}`} onPress={() => void askRemove(b.limit)}><CloseIcon size={15} /></IconButton> : null} /></li>)}</ul>
    </Card>
  )
}

function Row({ budget: b, aside }: { budget: Budget; aside: ReactNode }) {
  const tone = budgetTone(b)
  const say = (n: number) => amount(b.limit, n)
  return (
    <>
      <div className="row wrap budget-head">
        <strong className="grow">{say(b.counted)} <span className="dim">of {quotaWords(b.limit, b.quota)}</span></strong>
        <Badge tone={tone} dot>{percent(shareOf(b.counted + b.reserved, b.quota))}</Badge>
        {aside}
      </div>
      <div className={`bar ${tone}`} role="meter" aria-label={`${b.scope}, ${limitWords(b.limit)}`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.min(100, Math.round(100 * shareOf(b.counted, b.quota)))} aria-valuetext={`${say(b.counted)} of ${say(b.quota)}`}>
        <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
          <rect className="bar-reserved" width={Math.min(100, 100 * shareOf(b.counted + b.reserved, b.quota))} height="6" />
          <rect className="bar-counted" width={Math.min(100, 100 * shareOf(b.counted, b.quota))} height="6" />
        </svg>
      </div>
      <dl className="facts">
        {b.reserved > 0 && <div><dt>Reserved</dt><dd>{say(b.reserved)}</dd></div>}
        <div><dt>Left</dt><dd>{say(b.left)}</dd></div>
        <div><dt>Begins anew</dt><dd><Time at={b.until} /></dd></div>
        <div><dt>At the limit</dt><dd>{b.at_limit === 'park' ? 'calls wait for you' : 'calls are refused'}</dd></div>
      </dl>
      <p className="dim small"><Said text={b.setting} />{b.unpriced ? ` · ${plural(b.unpriced, 'call')} of unknown price not counted` : ''}</p>
      {!b.reconciled && <p className="note bad">The sum in memory does not agree with the ledger's rows. Restarting the house counts them anew.</p>}
    </>
  )
}

const tones: Record<string, Tone> = { set: 'calm', removed: 'calm', reset: 'calm', warned: 'warn', refused: 'bad', parked: 'warn', approved: 'good', denied: 'bad', expired: 'still' }

const pastShown = 15

function Past({ events }: { events: BudgetEvent[] }) {
  const [page, setPage] = useState(0)
  if (events.length === 0) return <Empty title="Nothing yet">Sets, resets, warnings, refusals and waits show here.</Empty>
  return (
    <>
    <ul className="lines">
      {partOf(events, page, pastShown).rows.map((e, i) => (
        <li key={e.time + i} className="alert-line">
          <Badge tone={tones[e.event] ?? 'still'}>{e.event}</Badge>
          <div className="grow">
            <p><strong>{e.scope}</strong>{e.limit && <span className="soft"> {limitWords(e.limit)}</span>}{e.percent ? <span className="soft"> at {e.percent} %</span> : null}</p>
            <p className="soft"><Said text={told(e)} /></p>
          </div>
          <span className="dim small" title={exact(new Date(e.time))}><Time at={e.time} /></span>
        </li>
      ))}
    </ul>
    <Pager {...partOf(events, page, pastShown)} count={events.length} size={pastShown} label="what happened to budgets" onPage={setPage} />
    </>
  )
}

function told(e: BudgetEvent): string {
  const spent = e.limit && e.quota != null && e.spent != null ? `${amount(e.limit, e.spent)} of ${amount(e.limit, e.quota)} spent` : ''
  return [e.detail, spent, e.by && `by ${e.by}`].filter(Boolean).join(' · ')
}
