// SPDX-License-Identifier: Apache-2.0
import '../styles/agents.css'
import '../styles/tools.css'

import { useNavigate, useSearch } from '@tanstack/react-router'

import { AgentList } from '../agents/list.tsx'
import { AgentDrawer } from '../agents/page.tsx'
import { Presets } from '../agents/presets.tsx'
import { Skills } from '../agents/skills.tsx'
import { Traces } from '../agents/traces.tsx'
import { Page } from '../ui/page.tsx'
import { Segments } from '../ui/parts.tsx'

const views = [{ value: 'agents', text: 'Agents' }, { value: 'presets', text: 'Presets' }, { value: 'traces', text: 'Traces' }, { value: 'skills', text: 'Skills' }] as const
type View = (typeof views)[number]['value']

const abouts: Record<View, string> = {
  agents: 'Who plans and calls tools on behalf of your programs',
  presets: 'Agents of your own: a prompt, a set of tools, bounds',
  skills: 'What agents read when they need to know how something is done',
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
      {view === 'traces' && <Traces key="traces" open={search.trace} agent={search.agent ?? ''} onOpen={(trace) => to({ trace, agent: search.agent })} onAgent={(agent) => to({ agent: agent || undefined }, true)} />}
      {view === 'skills' && <Skills open={search.skill} onOpen={(skill) => to({ skill })} />}
      {view === 'presets' && <Presets onOpen={(agent) => to({ agent })} />}
      {view !== 'traces' && <AgentDrawer name={search.agent} onClose={() => to({})} onTrace={(trace) => void navigate({ search: { view: 'traces', trace } })} />}
    </Page>
  )
}
