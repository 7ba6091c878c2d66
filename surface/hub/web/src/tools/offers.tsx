// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { McpPrompt } from '../api/words.ts'
import { bytes, plural } from '../lib/format.ts'
import { partOf } from '../lib/paging.ts'
import { ToolsIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Badge, Card, Empty, Loaded, Search } from '../ui/parts.tsx'
import { Short } from '../ui/shown.tsx'

const size = 25

/** What sources offer beside tools. */
export function Offers() {
  const prompts = useRead('prompt.list', {}, { every: 2 * refreshEvery })
  const resources = useRead('resource.list', {}, { every: 2 * refreshEvery })
  return (
    <>
      <Loaded answer={prompts} lines={4}>{(d) => <Prompts prompts={d.prompts ?? []} />}</Loaded>
      <Loaded answer={resources} lines={4}>
        {(d) => <Resources title="Resources" empty="No source offers files or data to read." rows={[...(d.resources ?? []).map((r) => ({ ...r, template: false })), ...(d.templates ?? []).map((t) => ({ ...t, uri: t.uriTemplate, template: true }))]} />}
      </Loaded>
    </>
  )
}

function Prompts({ prompts }: { prompts: McpPrompt[] }) {
  const [text, setText] = useState('')
  const [page, setPage] = useState(0)
  const wanted = text.trim().toLowerCase()
  const found = prompts.filter((p) => `${p.name} ${p.source} ${p.description ?? ''}`.toLowerCase().includes(wanted))
  const part = partOf(found, page, size)
  return (
    <Card title="Prompts" flush aside={prompts.length > size ? <Search value={text} onChange={(t) => { setText(t); setPage(0) }} label="Find a prompt" /> : <span className="dim small">{plural(prompts.length, 'prompt')}</span>}>
      {found.length === 0 && <Empty title={prompts.length === 0 ? 'No prompts' : 'No prompt fits'} icon={<ToolsIcon size={26} />}>{prompts.length === 0 && 'Sources and skills may offer texts that a person picks in a client.'}</Empty>}
      <ul className="lines">
        {part.rows.map((p) => (
          <li key={`${p.source} ${p.name}`} className="offer">
            <span className="grow"><code className="tool-name"><Short text={p.name} most={80} /></code> {(p.arguments ?? []).map((a) => a && <code key={a.name} className="dim small argument"><Short text={a.name} most={40} />{a.required ? '' : '?'}</code>)}<span className="soft small offer-about"><Short text={p.description || p.title} most={240} /></span>{p.note && <span className="small offer-note"><Short text={p.note} most={200} /></span>}</span>
            <span className="row wrap switches"><span className="dim small"><Short text={p.source} most={60} /></span>{p.standing && <Badge tone="bad">{p.standing}</Badge>}</span>
          </li>
        ))}
      </ul>
      <Pager {...part} count={found.length} size={size} label="prompts" onPage={setPage} />
    </Card>
  )
}

interface ResourceRow {
  uri: string
  name: string
  source: string
  template: boolean
  description?: string
  mimeType?: string
  size?: number
  note?: string
  standing?: string
}

function Resources({ title, empty, rows }: { title: string; empty: string; rows: ResourceRow[] }) {
  const [text, setText] = useState('')
  const [page, setPage] = useState(0)
  const wanted = text.trim().toLowerCase()
  const found = rows.filter((r) => `${r.name} ${r.uri} ${r.source} ${r.description ?? ''}`.toLowerCase().includes(wanted))
  const part = partOf(found, page, size)
  return (
    <Card title={title} flush aside={rows.length > size ? <Search value={text} onChange={(t) => { setText(t); setPage(0) }} label="Find a resource" /> : <span className="dim small">{plural(rows.length, 'resource')}</span>}>
      {found.length === 0 && <Empty title={rows.length === 0 ? 'No resources' : 'No resource fits'} icon={<ToolsIcon size={26} />}>{rows.length === 0 && empty}</Empty>}
      <ul className="lines">
        {part.rows.map((r) => (
          <li key={`${r.source} ${r.uri}`} className="offer">
            <span className="grow"><strong><Short text={r.name} most={80} /></strong><code className="dim small offer-about clip"><Short text={r.uri} most={240} /></code>{r.description && <span className="soft small offer-about"><Short text={r.description} most={240} /></span>}{r.note && <span className="small offer-note"><Short text={r.note} most={200} /></span>}</span>
            <span className="row wrap switches"><span className="dim small"><Short text={[r.mimeType, r.size ? bytes(r.size) : '', r.source].filter(Boolean).join(' · ')} most={120} /></span>{r.template && <Badge tone="calm">template</Badge>}{r.standing && <Badge tone="bad">{r.standing}</Badge>}</span>
          </li>
        ))}
      </ul>
      <Pager {...part} count={found.length} size={size} label="resources" onPage={setPage} />
    </Card>
  )
}
