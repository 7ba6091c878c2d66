// SPDX-License-Identifier: Apache-2.0
import type { Tokens } from '../api/words.ts'
import { plural, short } from '../lib/format.ts'

/** The burn of today in a few figures. */
export function Figures({ tokens: { today, last_hour } }: { tokens: Tokens }) {
  const figures: [string, string, string][] = [
    ['Today', short(today.total), plural(today.calls, 'call')],
    ['Last hour', short(last_hour.total), plural(last_hour.calls, 'call')],
    ['Cost today', today.cost || '$0', today.unpriced > 0 ? `and ${plural(today.unpriced, 'call')} of unknown price` : `${last_hour.cost || '$0'} in the last hour`],
    ['Input', short(today.input), 'not cached'],
    ['Cache', short(today.cached_read), `read, ${short(today.cache_write)} written`],
    ['Output', short(today.output), today.reasoning > 0 ? `${short(today.reasoning)} of it reasoning` : 'written by models'],
  ]
  return (
    <>
      <ul className="figures six">
        {figures.map(([name, value, about]) => <li key={name}><span className="soft small">{name}</span><strong>{value}</strong><span className="dim small">{about}</span></li>)}
      </ul>
      {today.estimated > 0 && <p className="dim small">{plural(today.estimated, 'call')} of today {today.estimated === 1 ? 'is' : 'are'} estimated: the provider did not say what it used.</p>}
    </>
  )
}
