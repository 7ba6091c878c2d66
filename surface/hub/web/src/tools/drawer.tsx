// SPDX-License-Identifier: Apache-2.0
import { useRef } from 'react'

import { useChange } from '../api/house.ts'
import type { Tool } from '../api/words.ts'
import { nanoseconds, percent, plural } from '../lib/format.ts'
import { errorRate } from '../lib/toollist.ts'
import { Drawer } from '../ui/dialog.tsx'
import { Code, Time } from '../ui/parts.tsx'
import { Short, Shown } from '../ui/shown.tsx'
import { Switch } from '../ui/switch.tsx'
import { TryForm } from '../ui/tryform.tsx'
import { Marks } from './list.tsx'
import { Withheld } from './withheld.tsx'

/** How a note begins that says no more than the own name above it. */
const ownWords = 'its server calls it '

/** One tool, whole. */
export function ToolDrawer({ tool, onClose }: { tool: Tool | undefined; onClose: () => void }) {
  const last = useRef(tool)
  if (tool) last.current = tool
  const t = last.current
  return (
    <Drawer open={!!tool} onClose={onClose} title={t?.name ?? ''}>
      {t && (
        <div className="drawer-body stack" key={t.name}>
          <Marks tool={t} />
          <dl className="facts">
            <div><dt>Source</dt><dd><Short text={t.source} most={80} /></dd></div>
            <div><dt>Tier</dt><dd>{t.tier}</dd></div>
            <div><dt>Used</dt><dd>{plural(t.calls, 'call')}{t.errors > 0 && <span className="problem">, {percent(errorRate(t))} failed</span>}</dd></div>
            <div><dt>Last</dt><dd><Time at={t.last_used} none="never" /></dd></div>
            {t.mean_took_ns > 0 && <div><dt>Takes</dt><dd>{nanoseconds(t.mean_took_ns)}</dd></div>}
            {t.own_name && <div className="wide"><dt>Its server calls it</dt><dd><code><Short text={t.own_name} most={120} /></code></dd></div>}
          </dl>
          {t.standing && <Withheld tool={t} />}
          {!t.standing && <Switches tool={t} />}
          {t.note && !t.standing && !(t.own_name && t.note.startsWith(ownWords) && !t.note.includes(';')) && <p className="note warn"><Shown text={t.note} most={1_000} /></p>}
          <section><h3>What it says it does</h3><p className="docs">{t.summary.trim() ? <Shown text={t.summary.trim()} most={1_500} /> : 'It says nothing of itself.'}</p></section>
          {!t.standing && <section><h3>Try a call</h3><TryForm tool={t} /></section>}
          <details className="schema"><summary>Input schema</summary><Code value={t.input_schema ?? {}} label="Input schema" /></details>
          {!!t.output_schema && <details className="schema"><summary>Output schema</summary><Code value={t.output_schema} label="Output schema" /></details>}
        </div>
      )}
    </Drawer>
  )
}

/** The two switches of a tool; hubs and presets may say otherwise for themselves. */
function Switches({ tool: t }: { tool: Tool }) {
  const set = useChange('tool.set', { touches: ['tool.list', 'mcp-hub.list', 'agent.list'], done: () => `${t.name} is switched` })
  return (
    <div className="tool-switches">
      <Switch on={t.enabled_in_mcp} busy={set.busy} label="In MCP" of={t.name} hint={t.enabled_in_mcp ? 'offered to clients' : 'kept inside'} onChange={(enabled_in_mcp) => void set.run({ name: t.name, enabled_in_mcp })} />
      <Switch on={t.passthrough} busy={set.busy} label="Passthrough" of={t.name} hint={t.passthrough ? 'agents call it unasked' : 'agents ask before they call it'} onChange={(passthrough) => void set.run({ name: t.name, passthrough })} />
      <p className="dim small">For everybody; a hub or a preset may say otherwise for itself.</p>
    </div>
  )
}
