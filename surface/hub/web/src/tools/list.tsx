// SPDX-License-Identifier: Apache-2.0
import { useMemo, useState } from 'react'

import type { Tool, ToolServer } from '../api/words.ts'
import { percent, plural, short } from '../lib/format.ts'
import { firstLine } from '../lib/shown.ts'
import { arrangeTools, errorRate, findTools, type ToolItem, type ToolOrder } from '../lib/toollist.ts'
import { ChevronIcon, ToolsIcon } from '../ui/icons.tsx'
import { Badge, Card, Empty, Search, Segments, Time } from '../ui/parts.tsx'
import { Rows } from '../ui/rows.tsx'
import { Short } from '../ui/shown.tsx'
import { SourceState } from './sources.tsx'

type Show = 'all' | 'mcp' | 'passthrough' | 'withheld'

const shows: Record<Show, (t: Tool) => boolean> = {
  all: () => true,
  mcp: (t) => t.enabled_in_mcp,
  passthrough: (t) => t.passthrough,
  withheld: (t) => !!t.standing,
}

const orders: { value: ToolOrder; text: string }[] = [{ value: 'source', text: 'by source' }, { value: 'used', text: 'most used' }, { value: 'failing', text: 'most failing' }, { value: 'last', text: 'last used' }]

interface Props {
  tools: Tool[]
  servers: ToolServer[]
  find: string
  onFind: (text: string) => void
  onOpen: (name: string) => void
}

/** All tools of the catalogue; a thousand are no burden, for only those in sight are drawn. */
export function ToolList({ tools, servers, find, onFind, onOpen }: Props) {
  const [picked, setShow] = useState<Show>('all')
  const withheld = useMemo(() => tools.filter(shows.withheld).length, [tools])
  const show = picked === 'withheld' && withheld === 0 ? 'all' : picked
  const [order, setOrder] = useState<ToolOrder>('source')
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const fitting = useMemo(() => findTools(tools.filter(shows[show]), find), [tools, show, find])
  const items = useMemo(() => arrangeTools(fitting, order, closed), [fitting, order, closed])
  const toggle = (name: string) => setClosed((old) => {
    const now = new Set(old)
    if (!now.delete(name)) now.add(name)
    return now
  })
  return (
    <>
      <div className="filters">
        <Search value={find} onChange={onFind} label="Find a tool" />
        <Segments label="Which tools" value={show} onChange={setShow} options={[{ value: 'all', text: 'All' }, { value: 'mcp', text: 'In MCP' }, { value: 'passthrough', text: 'Passthrough' }, ...(withheld > 0 ? [{ value: 'withheld' as const, text: <>Withheld <span className="count">{withheld}</span></> }] : [])]} />
        <select className="input order-pick" aria-label="Order" value={order} onChange={(e) => setOrder(e.target.value as ToolOrder)}>{orders.map((o) => <option key={o.value} value={o.value}>{o.text}</option>)}</select>
        <span className="dim small" role="status">{plural(fitting.length, 'tool')}</span>
      </div>
      {withheld > 0 && show !== 'withheld' && <p className="note bad">{plural(withheld, 'tool is', 'tools are')} withheld: {withheld === 1 ? 'it' : 'they'} changed, or {withheld === 1 ? 'its' : 'their'} words could steer a model. <button type="button" className="more-text" onClick={() => setShow('withheld')}>Look at {withheld === 1 ? 'it' : 'them'}</button></p>}
      {fitting.length === 0 ? (
        <Card><Empty title={tools.length === 0 ? 'No tools yet' : 'No tool fits'} icon={<ToolsIcon size={26} />}>{tools.length === 0 ? 'An extension with tools brings the first.' : 'Change the filter to see more.'}</Empty></Card>
      ) : (
        <Card flush className="tool-list">
          <Rows<ToolItem<Tool>> items={items} keyOf={(i) => (i.kind === 'source' ? `\n${i.name}` : i.tool.name)} height={(i) => (i.kind === 'source' ? 40 : 60)} label="Tools">
            {(item) => item.kind === 'source' ? (
              <div className="tool-source">
                <button type="button" className="link-button group-name" aria-expanded={!closed.has(item.name)} onClick={() => toggle(item.name)}><ChevronIcon size={14} /><Short text={item.name} most={80} /></button>
                <SourceState count={item.count} server={servers.find((s) => item.name.endsWith(` ${s.extension || s.name}`))} />
              </div>
            ) : <ToolLine tool={item.tool} onOpen={() => onOpen(item.tool.name)} />}
          </Rows>
        </Card>
      )}
    </>
  )
}

function ToolLine({ tool, onOpen }: { tool: Tool; onOpen: () => void }) {
  return (
    <button type="button" className="tool-line" onClick={onOpen}>
      <span className="grow">
        <code className="tool-name">{tool.name}</code>
        <span className="soft small clip"><Short text={firstLine(tool.summary)} most={240} /></span>
      </span>
      <Used tool={tool} />
      <Marks tool={tool} />
    </button>
  )
}

/** How often it was called, and how often that went wrong. */
function Used({ tool: t }: { tool: Tool }) {
  if (t.calls === 0) return <span className="dim small tool-used">not used</span>
  const rate = errorRate(t)
  return <span className="soft small tool-used"><span className="nowrap">{short(t.calls)} {t.calls === 1 ? 'call' : 'calls'}{rate > 0 && <span className={rate >= 0.2 ? 'problem' : ''}>, {percent(rate)} failed</span>}</span> <span className="dim"><Time at={t.last_used} none="" /></span></span>
}

export function Marks({ tool: t }: { tool: Tool }) {
  return (
    <span className="row wrap switches">
      {t.standing && <Badge tone="bad" dot>{t.standing}</Badge>}
      {t.destructive && <Badge tone="bad">destructive</Badge>}
      {t.read_only && <Badge tone="calm">read only</Badge>}
      {!t.standing && <Badge tone={t.enabled_in_mcp ? 'good' : 'still'}>{t.enabled_in_mcp ? 'in MCP' : 'not in MCP'}</Badge>}
      {!t.standing && t.passthrough && <Badge tone="warn">passthrough</Badge>}
    </span>
  )
}
