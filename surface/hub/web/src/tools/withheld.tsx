// SPDX-License-Identifier: Apache-2.0
import { useChange, useRead } from '../api/house.ts'
import type { Tool } from '../api/words.ts'
import { plain } from '../lib/shown.ts'
import { Button } from '../ui/button.tsx'
import { confirm } from '../ui/confirm.tsx'
import { Diff } from '../ui/diff.tsx'
import { CheckIcon } from '../ui/icons.tsx'
import { Badge, Loaded, Time, type Tone } from '../ui/parts.tsx'
import { Short, Shown } from '../ui/shown.tsx'

export const standingTones: Record<string, Tone> = { changed: 'bad', flagged: 'bad' }

const whys: Record<string, string> = {
  changed: 'It says something else of itself than when it was pinned, so it is neither offered nor called until you accept it.',
  flagged: 'Its words are of the kind that steers a model, so it is neither offered nor called until you accept it.',
}

/** Why a tool is not offered, what became of its words, and the way to take it as it is. */
export function Withheld({ tool }: { tool: Tool }) {
  const answer = useRead('tool.show', { name: tool.name })
  const accept = useChange('tool.accept', { touches: ['tool.list', 'tool.show', 'mcp-hub.list'], done: () => `${tool.name} is accepted and offered from now on` })
  return (
    <section className="withheld" aria-label="Why it is withheld">
      <div className="row wrap"><h3 className="grow">Withheld</h3><Badge tone="bad" dot>{tool.standing}</Badge></div>
      <p className="small">{whys[tool.standing ?? ''] ?? 'It is neither offered nor called until you accept it.'}</p>
      <Loaded answer={answer} lines={3}>
        {(d) => {
          const ask = async () => {
            const yes = await confirm({ title: `Accept ${tool.name} as it is now?`, yes: 'Accept', danger: true, body: <p className="soft">Agents and clients read its words from then on, and call it as its switches say. What is accepted is what you have just seen: if it changes again before, nothing is accepted.</p> })
            if (yes) await accept.run({ name: tool.name, kind: 'tool', ...(d.fingerprint ? { fingerprint: d.fingerprint } : {}) })
          }
          return (
            <>
              {d.pinned_at && <p className="dim small">Pinned <Time at={d.pinned_at} />{d.accepted_by && <>, accepted by <Short text={d.accepted_by} most={60} /></>}.</p>}
              {(d.findings ?? []).map((f, i) => <p key={i} className="note bad"><strong>{plain(f.kind, 60)}</strong> in its {plain(f.where, 60)}: “<Shown text={f.quote} most={400} />”</p>)}
              {(d.changes ?? []).map((c) => <div key={c.field} className="change"><p className="small"><code>{plain(c.field, 120)}</code></p><Diff before={c.before} after={c.after} label={`What became of its ${plain(c.field, 120)}`} /></div>)}
              <div><Button kind="danger" icon={<CheckIcon size={15} />} busy={accept.busy} onPress={() => void ask()}>Accept as it is now…</Button></div>
            </>
          )
        }}
      </Loaded>
    </section>
  )
}
