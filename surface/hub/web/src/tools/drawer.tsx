// SPDX-License-Identifier: Apache-2.0
import { useRef } from 'react'

import type { Tool } from '../api/words.ts'
import { percent, plural } from '../lib/format.ts'
import { errorRate } from '../lib/toollist.ts'
import { Drawer } from '../ui/dialog.tsx'
import { Code, Time } from '../ui/parts.tsx'
import { Short, Shown } from '../ui/shown.tsx'
import { TryForm } from '../ui/tryform.tsx'
import { Marks } from './list.tsx'

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
            {t.own_name && <div><dt>Its server calls it</dt><dd><code><Short text={t.own_name} most={120} /></code></dd></div>}
          </dl>
          {t.note && <p className="note warn"><Shown text={t.note} most={1_000} /></p>}
          <section><h3>What it says it does</h3><p className="docs">{t.summary.trim() ? <Shown text={t.summary.trim()} most={1_500} /> : 'It says nothing of itself.'}</p></section>
          <section><h3>Try a call</h3><TryForm tool={t} /></section>
          <details className="schema"><summary>Input schema</summary><Code value={t.input_schema ?? {}} label="Input schema" /></details>
          {!!t.output_schema && <details className="schema"><summary>Output schema</summary><Code value={t.output_schema} label="Output schema" /></details>}
        </div>
      )}
    </Drawer>
  )
}
