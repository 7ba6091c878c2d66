// SPDX-License-Identifier: Apache-2.0
import '../styles/agents.css'

import { useNavigate, useSearch } from '@tanstack/react-router'

import { AgentList } from '../agents/list.tsx'
import { Traces } from '../agents/traces.tsx'
import { Page, Segments } from '../ui/parts.tsx'

const views = [{ value: 'agents', text: 'Agents' }, { value: 'traces', text: 'Traces' }] as const
type View = (typeof views)[number]['value']

const abouts: Record<View, string> = {
  agents: 'Who plans and calls tools on behalf of your programs',
  traces: 'What each request to an agent did: plans, tool calls, time and tokens',
}

export function AgentsPage() {
  const search = useSearch({ from: '/agents' })
  const navigate = useNavigate({ from: '/agents' })
  const view = views.find((v) => v.value === search.view)?.value ?? 'agents'
  const to = (next: Record<string, string | undefined>, replace = false) => void navigate({ search: { ...(view === 'agents' ? {} : { view }), ...(search.q ? { q: search.q } : {}), ...next }, replace })
  return (
    <Page title="Agents" about={abouts[view]}>
      <div className="filters"><Segments label="What to see" value={view} onChange={(v) => void navigate({ search: v === 'agents' ? {} : { view: v } })} options={[...views]} /></div>
      {view === 'agents' && <AgentList onOpen={(agent) => to({ agent })} />}
      {view === 'traces' && <Traces open={search.trace} find={search.q ?? ''} onOpen={(trace) => to({ trace })} onFind={(q) => to({ q: q || undefined }, true)} />}
    </Page>
  )
}
