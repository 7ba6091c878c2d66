// SPDX-License-Identifier: Apache-2.0
import type { Alias, Policy } from '../api/words.ts'
import { chainOf, secondsLeft, standingOf } from '../lib/models.ts'
import { span } from '../lib/format.ts'
import { TokensIcon } from '../ui/icons.tsx'
import { Badge, Card, Empty } from '../ui/parts.tsx'
import { useNow } from '../units/clock.tsx'

/** The triple of each alias: what the configuration says, what is chosen now, what answered last. */
export function Aliases({ policy }: { policy: Policy }) {
  const aliases = policy.aliases ?? []
  return (
    <Card title="Aliases" flush aside={policy.profile && <span className="dim small">profile <strong className="soft">{policy.profile}</strong></span>}>
      {aliases.length === 0 ? (
        <Empty title="No aliases" icon={<TokensIcon size={26} />}>Name some in <code>holdfast.yaml</code>, section <code>models</code>.</Empty>
      ) : (
        <table className="table stacked aliases">
          <thead><tr><th>Alias</th><th>Configured</th><th>Effective now</th><th>Answered last</th><th>Stands</th></tr></thead>
          <tbody>{aliases.map((a) => <Row key={a.alias} alias={a} aliases={aliases} />)}</tbody>
        </table>
      )}
    </Card>
  )
}

function Row({ alias: a, aliases }: { alias: Alias; aliases: Alias[] }) {
  const standing = standingOf(a, aliases)
  return (
    <tr data-alias={a.alias}>
      <td className="head"><strong>{a.alias}</strong></td>
      <td data-label="Configured"><Chain alias={a} aliases={aliases} /></td>
      <td data-label="Effective now">{a.effective ? <code>{a.effective}</code> : <span className="dim">nobody</span>}</td>
      <td data-label="Answered last">{a.actual ? <code>{a.actual}</code> : <span className="dim">no call yet</span>}</td>
      <td data-label="Stands"><Badge tone={standing.tone} dot>{standing.text}</Badge></td>
    </tr>
  )
}

/** The chain in its order; what rests says for how long. */
function Chain({ alias: a, aliases }: { alias: Alias; aliases: Alias[] }) {
  const now = useNow()
  const via = (a.configured ?? []).filter((step) => aliases.some((other) => other.alias === step))
  return (
    <div>
      <ol className="chain">
        {chainOf(a.alias, aliases).map((model) => {
          const resting = (a.cooling ?? []).find((c) => c.model === model)
          return (
            <li key={model}>
              <code className={resting ? 'resting' : ''}>{model}</code>
              {resting && <span className="small rests" title={resting.reason}> rests {span(secondsLeft(resting.until, now))}</span>}
            </li>
          )
        })}
      </ol>
      {via.length > 0 && <span className="dim small">as {via.join(', ')}</span>}
    </div>
  )
}
