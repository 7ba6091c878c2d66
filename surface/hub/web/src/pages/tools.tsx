// SPDX-License-Identifier: Apache-2.0
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useRef, useState } from 'react'

import { useRead } from '../api/house.ts'
import type { Tool, ToolServer } from '../api/words.ts'
import { plural } from '../lib/format.ts'
import { Drawer } from '../ui/dialog.tsx'
import { ToolsIcon } from '../ui/icons.tsx'
import { Badge, Card, Code, Empty, Loaded, Page, Search, Segments, Time, type Tone } from '../ui/parts.tsx'
import { TryForm } from '../ui/tryform.tsx'

type Show = 'all' | 'mcp' | 'passthrough'

const shows: Record<Show, (t: Tool) => boolean> = {
  all: () => true,
  mcp: (t) => t.enabled_in_mcp,
  passthrough: (t) => t.passthrough,
}

const shownAtMost = 300

export function Tools() {
  const answer = useRead('tool.list', { all: true })
  const { tool: open, q = '' } = useSearch({ from: '/tools' })
  const navigate = useNavigate({ from: '/tools' })
  const [show, setShow] = useState<Show>('all')
  const tools = useMemo(() => answer.data?.tools ?? [], [answer.data])
  const servers = answer.data?.servers ?? []
  const wanted = q.toLowerCase()
  const fitting = tools.filter((t) => shows[show](t) && `${t.name} ${t.summary} ${t.source}`.toLowerCase().includes(wanted))
  const sources = useMemo(() => bySource(fitting.slice(0, shownAtMost)), [fitting])
  const openTool = (name: string | undefined) => void navigate({ search: (old) => ({ ...(old.q ? { q: old.q } : {}), ...(name ? { tool: name } : {}) }) })
  const find = (text: string) => void navigate({ search: (old) => ({ ...(text ? { q: text } : {}), ...(old.tool ? { tool: old.tool } : {}) }), replace: true })
  return (
    <Page title="Tools" about={answer.data ? `${plural(tools.length, 'tool')} from ${plural(new Set(tools.map((t) => t.source)).size, 'source')}` : 'What agents may use'}>
      <div className="filters">
        <Search value={q} onChange={find} label="Find a tool" />
        <Segments label="Which tools" value={show} onChange={setShow} options={[{ value: 'all', text: 'All' }, { value: 'mcp', text: 'In MCP' }, { value: 'passthrough', text: 'Passthrough' }]} />
      </div>
      <Loaded answer={answer} lines={8}>
        {() =>
          fitting.length === 0 ? (
            <Card><Empty title={tools.length === 0 ? 'No tools yet' : 'No tool fits'} icon={<ToolsIcon size={26} />}>{tools.length === 0 ? 'An extension with tools brings the first.' : 'Change the filter to see more.'}</Empty></Card>
          ) : (
            <div className="stack">
              {sources.map(([source, list]) => (
                <Card key={source} title={source} aside={<SourceState count={list.length} server={servers.find((s) => s.extension === list[0]?.extension)} />} flush>
                  <ul className="lines">{list.map((t) => <ToolLine key={t.name} tool={t} onOpen={() => openTool(t.name)} />)}</ul>
                </Card>
              ))}
              {servers.filter((s) => s.error || s.problems?.length).map((s) => <ServerTrouble key={s.extension} server={s} />)}
              {fitting.length > shownAtMost && <p className="dim">{fitting.length - shownAtMost} more fit: narrow the search to see them.</p>}
            </div>
          )
        }
      </Loaded>
      <ToolDrawer tool={tools.find((t) => t.name === open)} onClose={() => openTool(undefined)} />
    </Page>
  )
}

/** Extensions first, the house's own last, each by name. */
function bySource(tools: Tool[]): [string, Tool[]][] {
  const groups = new Map<string, Tool[]>()
  for (const t of tools) groups.set(t.source, [...(groups.get(t.source) ?? []), t])
  const rank = (source: string) => (source === 'house' ? 1 : 0)
  return [...groups].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
}

const serverTones: Record<string, Tone> = { serving: 'good', resting: 'still', starting: 'calm', waiting: 'warn', blocked: 'bad' }

function SourceState({ count, server }: { count: number; server: ToolServer | undefined }) {
  return (
    <span className="row">
      {server && <Badge tone={serverTones[server.state] ?? 'still'} dot>{server.state}</Badge>}
      <span className="dim small">{plural(count, 'tool')}</span>
    </span>
  )
}

/** What of an extension's tools could not be used, and why. */
function ServerTrouble({ server }: { server: ToolServer }) {
  return (
    <Card title={<>{server.extension} has trouble</>} aside={<Badge tone="bad">{server.state}</Badge>}>
      {server.error && <p className="note bad">{server.error}</p>}
      {(server.problems ?? []).map((p) => (
        <details key={p.part} className="schema"><summary>{p.part}: {p.error}</summary>{p.traceback && <Code value={p.traceback} label="Traceback" />}</details>
      ))}
    </Card>
  )
}

const firstLine = (text: string): string => text.trim().split('\n', 1)[0] ?? ''

function ToolLine({ tool, onOpen }: { tool: Tool; onOpen: () => void }) {
  return (
    <li>
      <button type="button" className="tool-line" onClick={onOpen}>
        <span className="grow">
          <code className="tool-name">{tool.name}</code>
          <span className="soft small clip">{firstLine(tool.summary)}</span>
        </span>
        <Switches tool={tool} />
      </button>
    </li>
  )
}

function Switches({ tool: t }: { tool: Tool }) {
  return (
    <span className="row wrap switches">
      {t.destructive && <Badge tone="bad">destructive</Badge>}
      {t.read_only && <Badge tone="calm">read only</Badge>}
      <Badge tone={t.enabled_in_mcp ? 'good' : 'still'}>{t.enabled_in_mcp ? 'in MCP' : 'not in MCP'}</Badge>
      {t.passthrough && <Badge tone="warn">passthrough</Badge>}
    </span>
  )
}

function ToolDrawer({ tool, onClose }: { tool: Tool | undefined; onClose: () => void }) {
  const last = useRef(tool)
  if (tool) last.current = tool
  const shown = last.current
  return (
    <Drawer open={!!tool} onClose={onClose} title={shown?.name ?? ''}>
      {shown && (
        <div className="drawer-body stack" key={shown.name}>
          <Switches tool={shown} />
          <dl className="facts">
            <div><dt>Source</dt><dd>{shown.source}</dd></div>
            <div><dt>Tier</dt><dd>{shown.tier}</dd></div>
            <div><dt>Used</dt><dd>{plural(shown.calls, 'call')}{shown.errors > 0 && <span className="problem">, {shown.errors} failed</span>}</dd></div>
            <div><dt>Last</dt><dd><Time at={shown.last_used} none="never" /></dd></div>
            <div><dt>In MCP</dt><dd>{shown.enabled_in_mcp ? 'offered to clients' : 'kept inside'}</dd></div>
            <div><dt>Passthrough</dt><dd>{shown.passthrough ? 'runs by itself' : 'asks before it runs'}</dd></div>
          </dl>
          {shown.note && <p className="note warn">{shown.note}</p>}
          <section><h3>What it does</h3><p className="docs">{shown.summary.trim() || 'It says nothing of itself.'}</p></section>
          <section><h3>Try a call</h3><TryForm tool={shown} /></section>
          <details className="schema"><summary>Input schema</summary><Code value={shown.input_schema ?? {}} label="Input schema" /></details>
          {!!shown.output_schema && <details className="schema"><summary>Output schema</summary><Code value={shown.output_schema} label="Output schema" /></details>}
        </div>
      )}
    </Drawer>
  )
}
