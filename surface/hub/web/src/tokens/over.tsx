// SPDX-License-Identifier: Apache-2.0
import { useMemo, useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Hour } from '../api/words.ts'
import { barsOf, type Bars, type Period } from '../lib/burn.ts'
import { plural, whole } from '../lib/format.ts'
import { HourChart } from '../ui/chart.tsx'
import { TokensIcon } from '../ui/icons.tsx'
import { Card, Empty, Segments } from '../ui/parts.tsx'
import { TroubleCard } from '../ui/trouble.tsx'

const periods = [{ value: '24h', text: '24 h' }, { value: '7d', text: '7 days' }, { value: '30d', text: '30 days' }] as const

/** The burn over time: the hours of a day as the summary tells them, or the days of a week or a month. */
export function Over({ hours }: { hours: Hour[] }) {
  const [period, setPeriod] = useState<Period>('24h')
  const byDay = period !== '24h'
  const days = useRead('token.usage', { by: 'day', since: period }, { every: refreshEvery, enabled: byDay })
  const rows = days.data?.rows
  const bars = useMemo((): Bars => {
    if (byDay) return barsOf(rows ?? [], period, Date.now())
    return { times: hours.map((h) => Date.parse(h.time) / 1000), values: hours.map((h) => h.total), calls: hours.map((h) => h.calls) }
  }, [byDay, rows, hours, period])
  const [at, setAt] = useState<number>()
  const quiet = (!byDay || rows !== undefined) && bars.values.every((v) => v === 0)
  return (
    <Card title={byDay ? 'By day' : 'By hour'} aside={<Segments label="Period" value={period} options={[...periods]} onChange={setPeriod} />}>
      <p className="dim small pointed" aria-hidden="true"><Pointed bars={bars} at={at} byDay={byDay} /></p>
      {days.error && byDay ? <TroubleCard error={days.error} retry={() => void days.refetch()} /> : null}
      {quiet ? <div className="chart"><Empty title="No calls yet" icon={<TokensIcon size={26} />}>The first model call shows here.</Empty></div> : <HourChart key={byDay ? 'day' : 'hour'} byDay={byDay} times={bars.times} values={bars.values} onPoint={setAt} />}
      <table className="sr">
        <caption>Tokens by {byDay ? 'day' : 'hour'}</caption>
        <thead><tr><th>{byDay ? 'Day' : 'Hour'}</th><th>Tokens</th><th>Calls</th></tr></thead>
        <tbody>{bars.times.map((t, i) => (bars.values[i] ? <tr key={t}><td>{named(t, byDay)}</td><td>{bars.values[i]}</td><td>{bars.calls[i]}</td></tr> : null))}</tbody>
      </table>
    </Card>
  )
}

function Pointed({ bars, at, byDay }: { bars: Bars; at: number | undefined; byDay: boolean }) {
  const time = at === undefined ? undefined : bars.times[at]
  if (at === undefined || time === undefined) {
    const sum = bars.values.reduce((a, b) => a + b, 0)
    return <><strong className="soft">{whole(sum)}</strong> tokens in {plural(bars.calls.reduce((a, b) => a + b, 0), 'call')}</>
  }
  return <>{named(time, byDay)} · <strong className="soft">{whole(bars.values[at] ?? 0)}</strong> tokens in {plural(bars.calls[at] ?? 0, 'call')}</>
}

/** A day is one of the house's zone, which the house named; an hour is said in the reader's. */
const named = (seconds: number, byDay: boolean): string =>
  new Date(seconds * 1000).toLocaleString('en-GB', byDay ? { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' } : { weekday: 'short', hour: '2-digit', minute: '2-digit' })
