// SPDX-License-Identifier: Apache-2.0
import { useRead } from '../api/house.ts'
import { useStream } from '../api/live.tsx'
import type { Operation } from '../api/words.ts'
import { percent } from '../lib/format.ts'
import { Badge, Card, Time } from './parts.tsx'

/** How many are followed live: each takes one of the few connections that a browser has. */
const followed = 2

/** The operations under way; nothing when there are none. */
export function UnderWay() {
  const running = useRead('operation.list', { state: 'running', limit: 5 }).data?.operations ?? []
  const undoing = useRead('operation.list', { state: 'undoing', limit: 5 }).data?.operations ?? []
  const all = [...running, ...undoing]
  if (all.length === 0) return null
  return (
    <Card title="Under way" flush>
      <ul className="lines">{all.map((o, i) => <li key={o.id}>{i < followed ? <Followed operation={o} /> : <OperationLine operation={o} />}</li>)}</ul>
    </Card>
  )
}

const newest = (old: Operation, events: Operation[]): Operation => events.at(-1) ?? old

function Followed({ operation }: { operation: Operation }) {
  const { value } = useStream(`/api/v1/operation/show/follow?${new URLSearchParams({ id: operation.id })}`, newest, operation)
  return <OperationLine operation={value} />
}

function OperationLine({ operation: o }: { operation: Operation }) {
  const steps = o.steps ?? []
  const done = steps.filter((s) => s.state === 'done').length
  const now = steps.find((s) => s.state === 'begun' || s.state === 'undoing')
  const share = steps.length > 0 ? (done + (now?.percent ?? 0) / 100) / steps.length : 0
  return (
    <div className="operation">
      <div className="row">
        <span className="grow clip"><code>{o.kind}</code> {o.subject} <span className="dim">by {o.caller}, <Time at={o.started} /></span></span>
        <Badge tone={o.state === 'running' ? 'calm' : 'warn'} dot>{o.state}</Badge>
      </div>
      <progress className="share" max={1} value={share} aria-label={`${o.kind} ${o.subject}: ${percent(share)}`} />
      <p className="dim small">{now ? <>{now.name}{now.message && `: ${now.message}`}</> : `${done} of ${steps.length} steps`}</p>
    </div>
  )
}
