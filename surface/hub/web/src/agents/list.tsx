// SPDX-License-Identifier: Apache-2.0
import { refreshEvery, useRead } from '../api/house.ts'
import type { Agent } from '../api/words.ts'
import { plural, short, span, whole } from '../lib/format.ts'
import { AgentsIcon } from '../ui/icons.tsx'
import { Badge, Card, Empty, Loaded } from '../ui/parts.tsx'
import { Short } from '../ui/shown.tsx'

/** The agents of the house and of the home. */
export function AgentList({ onOpen }: { onOpen: (name: string) => void }) {
  const answer = useRead('agent.list', {}, { every: refreshEvery })
  return (
    <Loaded answer={answer} lines={6}>
      {(d) => {
        const agents = d.agents ?? []
        if (agents.length === 0) return <Card><Empty title="No agents" icon={<AgentsIcon size={26} />}>The house's own are listed here, and those of the folder agents.</Empty></Card>
        return (
          <div className="stack">
            {d.problems?.map((p) => p && <p className="note warn" key={p.file + p.message}><Short text={[p.file, p.message, p.remedy].filter(Boolean).join(': ')} most={400} /></p>)}
            <ul className="agent-cards">{agents.map((a) => <li key={a.name}><AgentCard agent={a} onOpen={() => onOpen(a.name)} /></li>)}</ul>
          </div>
        )
      }}
    </Loaded>
  )
}

function AgentCard({ agent: a, onOpen }: { agent: Agent; onOpen: () => void }) {
  return (
    <Card title={<button type="button" className="link-button" onClick={onOpen}><code><Short text={a.name} most={80} /></code></button>} aside={<Badge tone="calm">{a.kind === 'home' ? 'of the home' : 'built in'}</Badge>}>
      <p className="soft small"><Short text={a.summary} most={400} /></p>
      {a.problem && <p className="note bad"><Short text={a.problem} most={400} /></p>}
      <dl className="facts">
        {a.model && <div><dt>Asks</dt><dd><code><Short text={a.model} most={80} /></code></dd></div>}
        {a.kind !== 'home' && <div><dt>Tools</dt><dd>{plural(a.tools, 'tool')}, {whole(a.alone)} unasked</dd></div>}
        {a.steps > 0 && <div><dt>A request</dt><dd>{plural(a.steps, 'step')}, {short(a.tokens)} tokens, {span(a.seconds)}</dd></div>}
      </dl>
    </Card>
  )
}
