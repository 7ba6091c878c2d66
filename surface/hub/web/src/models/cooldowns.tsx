// SPDX-License-Identifier: Apache-2.0
import { useChange } from '../api/house.ts'
import type { Cooling, Policy } from '../api/words.ts'
import { plural, span } from '../lib/format.ts'
import { secondsLeft } from '../lib/models.ts'
import { Button } from '../ui/button.tsx'
import { CheckIcon } from '../ui/icons.tsx'
import { Badge, Card, Empty } from '../ui/parts.tsx'
import { useNow } from '../units/clock.tsx'

export const touches = ['model.policy', 'model.list', 'cooldown.list']

/** The models that failed lately and are left out for a while. */
export function Cooldowns({ policy }: { policy: Policy }) {
  const cooling = policy.cooling ?? []
  const clear = useChange('cooldown.clear', { touches, done: ({ cleared }) => (cleared?.length ? `${cleared.join(', ')} may be asked again` : 'Nothing rested any more') })
  return (
    <Card
      title="Cooldowns" flush className="cooldowns"
      aside={cooling.length > 1 && <Button isDisabled={clear.busy} onPress={() => void clear.run({})}>Clear all</Button>}
    >
      {cooling.length === 0 ? (
        <Empty title="No model rests" icon={<CheckIcon size={22} />}>A model that fails is left out for a while, and shows here.</Empty>
      ) : (
        <ul className="lines">{cooling.map((c) => <Line key={c.model} cooling={c} busy={clear.busy} onClear={() => void clear.run({ name: c.model })} />)}</ul>
      )}
    </Card>
  )
}

function Line({ cooling: c, busy, onClear }: { cooling: Cooling; busy: boolean; onClear: () => void }) {
  const left = secondsLeft(c.until, useNow())
  const probed = c.state === 'probing' || left === 0
  return (
    <li className="line">
      <div className="grow">
        <p className="row wrap"><code>{c.model}</code>{c.rehearsed && <Badge tone="calm">rehearsed</Badge>}</p>
        <p className="dim small">{c.reason} · failed {plural(c.failures, 'time')}{c.told && ' · the provider said until when'}</p>
      </div>
      <span className="left" role="timer">{probed ? 'one call probes it' : span(left)}</span>
      <Button isDisabled={busy} onPress={onClear} aria-label={`Clear the cooldown of ${c.model}`}>Clear</Button>
    </li>
  )
}
