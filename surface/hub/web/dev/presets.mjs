// SPDX-License-Identifier: Apache-2.0
// Presets, pages of agents and remote servers of the pretended house.
import { agents, hostile } from './agents.mjs'
import { world as w } from './house.mjs'

const presets = [
  { name: 'librarian', base_agent: 'passthrough_agent', enabled: true, alias: 'fast', system_prompt: 'You keep the notes. Ask before you delete.', budget: { steps: 6, tokens: 50_000 }, tool_config: { '*': { enabled_in_mcp: false }, notes_add: { enabled_in_mcp: true, passthrough: true }, notes_delete: true } },
  { name: 'forecaster', base_agent: 'simple_agent', enabled: false, budget: {}, tool_config: {} },
  { name: 'broken', base_agent: 'no_agent', enabled: true, budget: {}, tool_config: {}, problem: 'its base agent is "no_agent", want passthrough_agent or simple_agent' },
]
const on = (p, t) => { const s = p.tool_config[t.name] ?? p.tool_config['*'] ?? {}; return !t.standing && (typeof s === 'boolean' ? s : (s.enabled_in_mcp ?? t.enabled_in_mcp)) }
const shown = (p) => ({ ...p, tool_count: w.tools.filter((t) => on(p, t)).length })
const preset = (name) => presets.find((p) => p.name === name)

function keep({ name, ...fields }) {
  let p = preset(name)
  if (!p) presets.push(p = { name, enabled: true, budget: {}, tool_config: {} })
  Object.assign(p, fields)
  w.note('preset.update', name, 'done')
  return shown(p)
}

function page({ name }) {
  const p = preset(name)
  const tools = w.tools.filter((t) => !t.standing && (!p || on(p, t))).map((t) => ({ name: t.name, source: t.source, passthrough: t.passthrough, tier: t.tier, read_only: t.read_only, destructive: t.destructive }))
  const home = name === 'gardener'
  const alone = tools.filter((t) => t.passthrough).length
  return {
    name, base_agent: p?.base_agent ?? name, is_preset: !!p, home, alias: p?.alias ?? 'chat', ...(p?.system_prompt ? { system_prompt: p.system_prompt } : {}), tier: 'that of whoever asks it; no tool, prompt or approval raises it',
    tools: home ? [] : tools, alone, asks: tools.length - alone, destroy: tools.filter((t) => t.destructive).length,
    secrets: home ? [{ key: 'AGENT_API_KEY', who: 'gardener', set: true }] : [{ key: 'NOTES_TOKEN', who: 'extension notes', set: true }, { key: 'WEATHER_KEY', who: 'extension weather', set: false }],
    request: p?.budget ?? { steps: 8, tokens: 200_000, seconds: 300 }, sandbox: home ? { kind: 'confined', read: ['agents/gardener', '/usr'], write: ['agents/gardener/data'], network: 'on' } : { kind: 'in the house' }, approval_seconds: 3_600,
    last_traces: agents['agent.traces']({ agent: name, limit: 5 }).traces,
  }
}

const remotes = [
  { server_id: 'search', url: 'https://mcp.search.example/mcp', enabled: true, transport: 'auto', key: 'SEARCH_KEY', oauth: false, authorized: false, state: 'serving', tool_count: 4 },
  { server_id: 'drive', url: 'https://drive.example/mcp', enabled: true, transport: 'auto', oauth: true, authorized: false, state: 'waiting', tool_count: 0, error: 'it wants a person\'s authorization: `holdfast remote-mcp authorize drive`' },
  { server_id: 'old', url: 'http://10.0.0.7/sse', enabled: false, transport: 'sse', headers: ['X-Tenant'], oauth: false, authorized: false, tool_count: 0, error: hostile.slice(0, 400) },
]
const remote = (name) => remotes.find((r) => r.server_id === name)

export const more = {
  'agent.list': () => ({ agents: [...agents['agent.list']().agents.map((a) => ({ ...a, kind: 'built-in' })), { name: 'gardener', kind: 'home', summary: 'Waters what the calendar says.', model: '', tools: 0, alone: 0, steps: 0, tokens: 0, seconds: 0 }] }),
  'agent.show': page,
  'keys.list': () => ({ SEARCH_KEY: '••••1234', OPENROUTER_API_KEY: '••••9f3c' }),
  'preset.list': () => ({ presets: presets.map(shown) }),
  'preset.add': keep,
  'preset.update': keep,
  'preset.delete': ({ name }) => { const gone = presets.splice(presets.indexOf(preset(name)), 1); w.note('preset.delete', name, 'done'); return { deleted: gone[0] } },
  'remote-mcp.list': () => ({ servers: remotes }),
  'remote-mcp.add': ({ url, name, transport, key, oauth }) => { const r = { server_id: name || new URL(url).host.replaceAll('.', '-'), url, enabled: true, transport, ...(key ? { key } : {}), oauth, authorized: false, state: 'starting', tool_count: 0 }; remotes.push(r); w.note('remote-mcp.add', r.server_id, 'done'); return r },
  'remote-mcp.update': ({ name, ...fields }) => { w.note('remote-mcp.update', name, 'done'); return Object.assign(remote(name), fields) },
  'remote-mcp.delete': ({ name }) => { remotes.splice(remotes.indexOf(remote(name)), 1); w.note('remote-mcp.delete', name, 'done'); return { name } },
  'remote-mcp.authorize': ({ name }) => ({ name, authorization_url: `https://${name}.example/authorize?client_id=house`, note: 'Open the page in a browser that reaches the house; it comes back by itself.' }),
}
