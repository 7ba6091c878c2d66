// SPDX-License-Identifier: Apache-2.0
import { Link } from '@tanstack/react-router'
import { useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Burner } from '../api/words.ts'
import { shareOf } from '../lib/burn.ts'
import { percent, short, whole } from '../lib/format.ts'
import { Card, Empty, Loaded } from '../ui/parts.tsx'

const ways = ['agent', 'model', 'provider', 'source', 'key', 'tenant', 'project'] as const
type Way = (typeof ways)[number]

const spans = [['24h', '24 h'], ['7d', '7 days'], ['30d', '30 days']] as const

/** What the row without a name is called. */
export const nobody: Record<Way, string> = { agent: 'direct', model: 'unknown', provider: 'unknown', source: 'unknown', key: 'no key', tenant: 'the house', project: 'no project' }

/** Who burned most, by one of several ways to tell them apart. */
export function Burners({ first }: { first: Way }) {
  const [by, setBy] = useState<Way>(first)
  const [since, setSince] = useState<string>('24h')
  const answer = useRead('token.usage', { by, since }, { every: refreshEvery })
  return (
    <Card
      title={<Link to="/tokens" search={{ view: 'usage', by }} className="quiet-link">By {by}</Link>} flush className="burners-card"
      aside={
        <>
          <select className="input pick" aria-label={`By what, first ${first}`} value={by} onChange={(e) => setBy(e.target.value as Way)}>{ways.map((w) => <option key={w} value={w}>by {w}</option>)}</select>
          <select className="input pick" aria-label={`Since when, by ${by}`} value={since} onChange={(e) => setSince(e.target.value)}>{spans.map(([value, text]) => <option key={value} value={value}>{text}</option>)}</select>
        </>
      }
    >
      <Loaded answer={answer} lines={4}>{(u) => <Table rows={u.rows ?? []} all={u.sum.total} unnamed={nobody[by]} />}</Loaded>
    </Card>
  )
}

const shown = 50

function Table({ rows, all, unnamed }: { rows: Burner[]; all: number; unnamed: string }) {
  if (rows.length === 0) return <Empty title="No calls in this time" />
  return (
    <>
      <table className="table burners">
        <thead><tr><th>Name</th><th className="right">Calls</th><th className="right">Cost</th><th className="right">Tokens</th></tr></thead>
        <tbody>
          {rows.slice(0, shown).map((r) => (
            <tr key={r.name}>
              <td>
                <span className="row"><span className="clip burner-name" title={r.name}>{r.name || unnamed}</span><span className="dim small nowrap">{percent(shareOf(r.total, all))}</span></span>
                <meter className="share" min={0} max={1} value={shareOf(r.total, all)} aria-label={`Share of ${r.name || unnamed}`} />
              </td>
              <td className="right">{whole(r.calls)}</td>
              <td className="right nowrap" title={r.unpriced > 0 ? `${r.unpriced} calls of unknown price` : undefined}>{r.unpriced === r.calls ? '?' : r.cost}{r.unpriced > 0 && r.unpriced < r.calls && '+'}</td>
              <td className="right" title={`${whole(r.total)}, of them ${whole(r.output)} output`}>{short(r.total)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > shown && <p className="dim small more-rows">the largest {shown} of {rows.length}</p>}
    </>
  )
}
