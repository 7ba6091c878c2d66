// SPDX-License-Identifier: Apache-2.0
import '../styles/tools.css'

import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import { plural } from '../lib/format.ts'
import { ToolDrawer } from '../tools/drawer.tsx'
import { Hubs } from '../tools/hubs.tsx'
import { ToolList } from '../tools/list.tsx'
import { Offers } from '../tools/offers.tsx'
import { Remotes } from '../tools/remotes.tsx'
import { inTrouble, sourceOf, Sources } from '../tools/sources.tsx'
import { Page } from '../ui/page.tsx'
import { Loaded, Segments } from '../ui/parts.tsx'

const views = [{ value: 'tools', text: 'Tools' }, { value: 'sources', text: 'Sources' }, { value: 'remotes', text: 'Remote' }, { value: 'hubs', text: 'Hubs' }, { value: 'offers', text: 'Prompts & resources' }] as const
type View = (typeof views)[number]['value']

export function Tools() {
  const answer = useRead('tool.list', { all: true }, { every: 2 * refreshEvery })
  const search = useSearch({ from: '/tools' })
  const navigate = useNavigate({ from: '/tools' })
  const view: View = views.find((v) => v.value === search.view)?.value ?? 'tools'
  const tools = useMemo(() => answer.data?.tools ?? [], [answer.data])
  const servers = answer.data?.servers ?? []
  const kept = { ...(view === 'tools' ? {} : { view }), ...(search.q ? { q: search.q } : {}) }
  const openTool = (name: string | undefined) => void navigate({ search: { ...kept, ...(name ? { tool: name } : {}) } })
  const find = (text: string) => void navigate({ search: { ...(view === 'tools' ? {} : { view }), ...(text ? { q: text } : {}), ...(search.tool ? { tool: search.tool } : {}) }, replace: true })
  const troubled = servers.filter(inTrouble).length
  return (
    <Page title="Tools" about={answer.data ? `${plural(tools.length, 'tool')} from ${plural(new Set([...tools.map((t) => t.source), ...servers.map(sourceOf)]).size, 'source')}${troubled > 0 ? `, ${plural(troubled, 'source has trouble', 'sources have trouble')}` : ''}` : 'What agents may use'}>
      <div className="filters"><Segments label="What to see" value={view} onChange={(v) => void navigate({ search: v === 'tools' ? {} : { view: v } })} options={views.map((v) => ({ ...v, text: v.value === 'sources' && troubled > 0 ? <>Sources <span className="count">{troubled}<span className="sr"> in trouble</span></span></> : v.text }))} /></div>
      <Loaded answer={answer} lines={8}>
        {() => (view === 'offers' ? <Offers /> : view === 'remotes' ? <Remotes /> : view === 'hubs' ? <Hubs tools={tools} servers={servers} /> : view === 'sources' ? <Sources servers={servers} tools={tools} /> : <ToolList tools={tools} servers={servers} find={search.q ?? ''} onFind={find} onOpen={openTool} />)}
      </Loaded>
      <ToolDrawer tool={tools.find((t) => t.name === search.tool)} onClose={() => openTool(undefined)} />
    </Page>
  )
}
