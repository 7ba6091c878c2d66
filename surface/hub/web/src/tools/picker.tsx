// SPDX-License-Identifier: Apache-2.0
import '../styles/tools.css'

import { useVirtualizer } from '@tanstack/react-virtual'
import { useMemo, useRef, useState } from 'react'

import type { Tool } from '../api/words.ts'
import { whole } from '../lib/format.ts'
import { counted, onlyPicked, stands, withOnly, withTool, withTools, type ToolConfig } from '../lib/selection.ts'
import { plain } from '../lib/shown.ts'
import { findTools } from '../lib/toollist.ts'
import { Button } from '../ui/button.tsx'
import { Search, Segments } from '../ui/parts.tsx'
import { Short } from '../ui/shown.tsx'

interface Props {
  tools: Tool[]
  config: ToolConfig
  onChange: (config: ToolConfig) => void
  /** Whether each may be let run unasked, which is a preset's to say. */
  alone?: boolean
}

/** Which tools are in, and which of them run unasked; only the rows in sight are in the document. */
export function ToolPicker({ tools, config, onChange, alone = false }: Props) {
  const [find, setFind] = useState('')
  const offered = useMemo(() => tools.filter((t) => !t.standing).toSorted((a, b) => a.name.localeCompare(b.name)), [tools])
  const found = useMemo(() => findTools(offered, find), [offered, find])
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({ count: found.length, estimateSize: () => 46, overscan: 6, getScrollElement: () => box.current, getItemKey: (i) => found[i]?.name ?? i })
  const count = counted(config, offered)
  const only = onlyPicked(config)
  return (
    <div className="picker">
      <div className="filters">
        <Search value={find} onChange={setFind} label="Find a tool" />
        <Segments label="Which tools" value={only ? 'only' : 'all'} onChange={(v) => onChange(withOnly(config, v === 'only', offered))} options={[{ value: 'all', text: 'All but those taken out' }, { value: 'only', text: 'Only those picked' }]} />
      </div>
      <div className="row picker-all">
        <p className="dim small grow" role="status">{whole(count.on)} of {whole(offered.length)} tools are in{alone && `, ${whole(count.alone)} of them run unasked`}.</p>
        <Button kind="ghost" onPress={() => onChange(withTools(config, find ? found : offered, 'enabled_in_mcp', true))}>{find ? 'All found' : 'All'}</Button>
        <Button kind="ghost" onPress={() => onChange(withTools(config, find ? found : offered, 'enabled_in_mcp', false))}>{find ? 'None found' : 'None'}</Button>
      </div>
      <div className="picker-rows" ref={box} tabIndex={0} role="group" aria-label="Tools to pick from">
        <ul style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((row) => {
            const t = found[row.index]
            if (!t) return null
            const on = stands(config, t, 'enabled_in_mcp')
            return (
              <li key={row.key} data-index={row.index} ref={virtual.measureElement} style={{ transform: `translateY(${row.start}px)` }} aria-setsize={found.length} aria-posinset={row.index + 1}>
                <label className="tick grow">
                  <input type="checkbox" checked={on} onChange={(e) => onChange(withTool(config, t, 'enabled_in_mcp', e.target.checked))} />
                  <span className="grow picker-name"><code>{t.name}</code><span className="dim small clip"><Short text={t.summary} most={120} /></span></span>
                </label>
                {alone && on && (
                  <label className="tick picker-alone">
                    <input type="checkbox" checked={stands(config, t, 'passthrough')} aria-label={`${plain(t.name, 80)} runs unasked`} onChange={(e) => onChange(withTool(config, t, 'passthrough', e.target.checked))} />
                    <span className="small">unasked</span>
                  </label>
                )}
              </li>
            )
          })}
        </ul>
      </div>
    </div>
  )
}
