// SPDX-License-Identifier: Apache-2.0
import type { Burner, Tokens } from '../api/words.ts'
import { plural, short, whole } from '../lib/format.ts'

type Figure = [name: string, value: string, about: string, exact?: number]
type Sum = Omit<Burner, 'name'>

const inClasses = (s: Sum): Figure[] => [
  ['Input', short(s.input), 'not cached', s.input],
  ['Cache', short(s.cached_read), `read, ${short(s.cache_write)} written`, s.cached_read],
  ['Output', short(s.output), s.reasoning > 0 ? `${short(s.reasoning)} of it reasoning` : 'written by models', s.output],
]

/** The burn of today in a few figures. */
export function Figures({ tokens: { today, last_hour } }: { tokens: Tokens }) {
  return (
    <Band
      estimated={today.estimated}
      figures={[
        ['Today', short(today.total), plural(today.calls, 'call'), today.total],
        ['Last hour', short(last_hour.total), plural(last_hour.calls, 'call'), last_hour.total],
        ['Cost today', today.cost || '$0', today.unpriced > 0 ? `+ ${plural(today.unpriced, 'unpriced call')}` : `${last_hour.cost || '$0'} in the last hour`],
        ...inClasses(today),
      ]}
    />
  )
}

/** Any sum in a few figures. */
export function SumFigures({ sum, about }: { sum: Sum; about: string }) {
  return (
    <Band
      estimated={sum.estimated}
      figures={[
        ['Tokens', short(sum.total), about, sum.total],
        ['Calls', short(sum.calls), sum.calls > 0 ? `${short(Math.round(sum.total / sum.calls))} tokens each` : 'none', sum.calls],
        ['Cost', sum.cost || '$0', sum.unpriced > 0 ? `+ ${plural(sum.unpriced, 'unpriced call')}` : 'every price is known'],
        ...inClasses(sum),
      ]}
    />
  )
}

function Band({ figures, estimated }: { figures: Figure[]; estimated: number }) {
  return (
    <>
      <ul className="figures six">
        {figures.map(([name, value, about, exact]) => <li key={name}><span className="soft small">{name}</span><strong title={exact === undefined ? undefined : whole(exact)}>{value}</strong><span className="dim small">{about}</span></li>)}
      </ul>
      {estimated > 0 && <p className="dim small">{plural(estimated, 'call')} of these {estimated === 1 ? 'is' : 'are'} estimated: the provider did not say what it used.</p>}
    </>
  )
}
