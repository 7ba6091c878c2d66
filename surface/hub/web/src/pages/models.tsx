// SPDX-License-Identifier: Apache-2.0
import '../styles/models.css'

import { useRef } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Policy } from '../api/words.ts'
import { plural } from '../lib/format.ts'
import { standingOf } from '../lib/models.ts'
import { Aliases } from '../models/aliases.tsx'
import { Cooldowns } from '../models/cooldowns.tsx'
import { Playground, useChat } from '../models/playground.tsx'
import { Rehearsals } from '../models/rehearsals.tsx'
import { Page } from '../ui/page.tsx'
import { Badge, Card, Copy, Loaded } from '../ui/parts.tsx'
import { Said } from '../ui/said.tsx'

export function Models() {
  const policy = useRead('model.policy', {}, { every: refreshEvery })
  const chat = useChat()
  const below = useRef<HTMLDivElement>(null)
  const call = (alias: string) => {
    below.current?.scrollIntoView({ block: 'end' })
    void chat.ask(alias, '', 'Hello', '', chat.exchanges)
  }
  return (
    <Page title="Models" about={policy.data ? headline(policy.data) : 'Who answers which name'}>
      <Loaded answer={policy} lines={8}>
        {(p) => (
          <>
            <Aliases policy={p} />
            <Warnings policy={p} />
            <div className="grid-2">
              <Cooldowns policy={p} />
              <Rehearsals policy={p} busy={chat.busy} onCall={call} />
            </div>
          </>
        )}
      </Loaded>
      <div ref={below}><Playground chat={chat} /></div>
    </Page>
  )
}

function headline(p: Policy): string {
  const aliases = p.aliases ?? []
  const standings = aliases.map((a) => standingOf(a, aliases))
  const dead = standings.filter((s) => s.tone === 'bad').length
  const fallen = standings.filter((s) => s.tone === 'warn').length
  if (dead > 0) return `${plural(dead, 'alias has', 'aliases have')} nobody to ask`
  if (fallen > 0) return `${plural(fallen, 'alias falls', 'aliases fall')} back on another model`
  return aliases.length === 1 ? 'The one alias is answered as configured' : `All ${aliases.length} aliases are answered as configured`
}

/** What a person should mind of how models are chosen, and what a newer program proposes. */
function Warnings({ policy: { warnings, proposed } }: { policy: Policy }) {
  if (!warnings?.length && !proposed?.length) return null
  return (
    <Card title="To mind" flush>
      <ul className="lines">
        {(warnings ?? []).map((w) => (
          <li key={w.about + w.message} className="alert-line">
            <Badge tone="warn" dot>{w.about}</Badge>
            <div className="grow"><p><Said text={w.message} /></p>{w.remedy && <p className="soft"><span className="dim">Remedy: </span><Said text={w.remedy} /></p>}</div>
          </li>
        ))}
        {(proposed ?? []).map((p) => (
          <li key={p.profile} className="alert-line">
            <Badge tone="calm" dot>proposed</Badge>
            <div className="grow"><p>This version would choose these models for the profile <strong>{p.profile}</strong>. It changes nothing by itself.</p><p className="proposal row wrap"><code>{p.line}</code><Copy text={p.line} label={`Copy the line of ${p.profile}`} /></p><p className="dim small">Take it over into <code>holdfast.yaml</code>, below <code>models.profiles</code>, then <code>holdfast config reload</code>.</p></div>
          </li>
        ))}
      </ul>
    </Card>
  )
}
