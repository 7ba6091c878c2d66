// SPDX-License-Identifier: Apache-2.0
import { useMemo, useState, type ReactNode } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { FullBreaker, Tokens } from '../api/words.ts'
import { barsUntil, paceOf, stepOf, type Period } from '../lib/burn.ts'
import { projectedOf, type Bar } from '../lib/stack.ts'
import { TokensIcon } from '../ui/icons.tsx'
import { Card, Empty, Segments } from '../ui/parts.tsx'
import { StackChart, StackTable } from '../ui/stackchart.tsx'
import { TroubleCard } from '../ui/trouble.tsx'

const periods = [{ value: '24h', text: '24 h' }, { value: '7d', text: '7 days' }, { value: '30d', text: '30 days' }] as const

/** The burn over time against the cap: the hours of a day as the summary tells them, or the days of a week or a month. */
export function Over({ tokens, breaker }: { tokens: Tokens; breaker: FullBreaker | undefined }) {
  const [period, setPeriod] = useState<Period>('24h')
  const byDay = period !== '24h'
  const days = useRead('token.usage', { by: 'day', since: period }, { every: refreshEvery, enabled: byDay })
  const rows = days.data?.rows
  const now = Date.parse(tokens.now)
  const bars = useMemo(
    (): Bar[] => (byDay ? barsUntil(rows ?? [], period, now) : (tokens.by_hour ?? []).map((h) => ({ ...h, at: Date.parse(h.time) / 1000 }))),
    [byDay, rows, tokens.by_hour, period, now],
  )
  const running = bars.at(-1)
  const projected = running && projectedOf(running, stepOf(byDay), paceOf(tokens.burn.recent).minute, now)
  const quiet = (!byDay || rows !== undefined) && bars.every((b) => b.total === 0)
  return (
    <History
      title={byDay ? 'By day' : 'By hour'} bars={bars} byDay={byDay} quiet={quiet} cap={(byDay ? breaker?.cap_day : breaker?.cap_hour) ?? 0} projected={projected}
      aside={<Segments label="Period" value={period} options={[...periods]} onChange={setPeriod} />} trouble={byDay && days.error ? <TroubleCard error={days.error} retry={() => void days.refetch()} /> : null}
    />
  )
}

interface HistoryProps {
  title: string
  bars: Bar[]
  byDay: boolean
  cap: number
  projected?: number | undefined
  quiet: boolean
  aside?: ReactNode
  trouble?: ReactNode
}

/** A history as a chart or as the table behind it. */
export function History({ title, bars, byDay, cap, projected, quiet, aside, trouble }: HistoryProps) {
  const [as, setAs] = useState<'chart' | 'table'>('chart')
  return (
    <Card
      title={title} className="history"
      aside={<><Segments label="Shown as" value={as} options={[{ value: 'chart', text: 'Chart' }, { value: 'table', text: 'Table' }]} onChange={setAs} />{aside}</>}
    >
      {trouble}
      {quiet && <Empty title="No calls in this time" icon={<TokensIcon size={26} />}>The first model call shows here.</Empty>}
      {!quiet && as === 'chart' && bars.length > 0 && <StackChart bars={bars} byDay={byDay} cap={cap} projected={projected} />}
      {!quiet && as === 'table' && <StackTable bars={bars} byDay={byDay} cap={cap} />}
    </Card>
  )
}
