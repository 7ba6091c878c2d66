// SPDX-License-Identifier: Apache-2.0
import type { Tool, ToolServer } from '../api/words.ts'
import { useChange } from '../api/house.ts'
import { percent, plural, short, whole } from '../lib/format.ts'
import { errorRate } from '../lib/toollist.ts'
import { Button } from '../ui/button.tsx'
import { RestartIcon, ToolsIcon } from '../ui/icons.tsx'
import { Badge, Card, Code, Empty, Time, type Tone } from '../ui/parts.tsx'
import { Short, Shown } from '../ui/shown.tsx'

export const serverTones: Record<string, Tone> = { serving: 'good', resting: 'still', starting: 'calm', waiting: 'warn', blocked: 'bad', failed: 'bad' }

export function SourceState({ count, server }: { count: number; server: ToolServer | undefined }) {
  return (
    <span className="row">
      {server && <Badge tone={serverTones[server.state] ?? 'still'} dot>{server.state}</Badge>}
      <span className="dim small nowrap">{plural(count, 'tool')}</span>
    </span>
  )
}

/** Whether something is wrong with it, though it may serve. */
export const inTrouble = (s: ToolServer): boolean => !!s.error || !!s.problems?.length

/** Where tools come from, and how each stands. */
export function Sources({ servers, tools }: { servers: ToolServer[]; tools: Tool[] }) {
  if (servers.length === 0) return <Card><Empty title="No sources yet" icon={<ToolsIcon size={26} />}>Extensions with tools and remote servers stand here. The house's own actions are always there.</Empty></Card>
  return <ul className="stack">{servers.toSorted((a, b) => Number(inTrouble(b)) - Number(inTrouble(a))).map((s) => <li key={s.name}><Source server={s} tools={tools.filter((t) => t.source === sourceOf(s))} /></li>)}</ul>
}

/** What the tools of a server name as their source: remote servers have no extension. */
export const sourceOf = (s: ToolServer): string => (s.extension ? `extension ${s.extension}` : `remote ${s.name}`)

function Source({ server: s, tools }: { server: ToolServer; tools: Tool[] }) {
  const restart = useChange('tool.restart', { touches: ['tool.list'], done: () => `${s.name} is started anew` })
  const used = tools.reduce((sum, t) => ({ calls: sum.calls + t.calls, errors: sum.errors + t.errors }), { calls: 0, errors: 0 })
  return (
    <Card
      className="source" title={<Short text={s.name} most={80} />}
      aside={<>{!!s.problems?.length && <Badge tone="bad">{plural(s.problems.length, 'problem')}</Badge>}<Badge tone={serverTones[s.state] ?? 'still'} dot>{s.state}</Badge><Button icon={<RestartIcon size={15} />} busy={restart.busy} onPress={() => void restart.run({ name: s.name })}>Restart<span className="sr"> {s.name}</span></Button></>}
    >
      <dl className="facts">
        <div><dt>Tools</dt><dd>{whole(s.tools)}</dd></div>
        <div><dt>Since</dt><dd><Time at={s.since} /></dd></div>
        <div><dt>Calls</dt><dd>{short(used.calls)}{used.errors > 0 && <span className="problem">, {percent(errorRate(used))} failed</span>}</dd></div>
        <div><dt>Starts</dt><dd>{whole(s.starts)}{s.failures > 0 && <span className="problem">, {plural(s.failures, 'failure')}</span>}</dd></div>
        <div><dt>Process</dt><dd>{s.pid ? `pid ${s.pid}` : <span className="dim">none</span>}</dd></div>
      </dl>
      {s.error && <p className="note bad"><Shown text={s.error} most={2_000} /></p>}
      <p className="dim small source-log">Log <code>var/logs/<Short text={s.log} most={80} /></code></p>
      {(s.problems ?? []).map((p, i) => (
        <details key={`${p.part} ${i}`} className="schema"><summary><Short text={p.part} most={80} />: <Short text={p.error} most={300} /></summary>{p.traceback && <Code value={p.traceback} label="Traceback" />}</details>
      ))}
    </Card>
  )
}
