// SPDX-License-Identifier: Apache-2.0
// The pretended house's models, tokens, budgets and keys, in the house's own shapes.
import { world as w } from './house.mjs'

const minute = 60_000
const hour = 60 * minute
const soon = (ms) => w.iso(Date.now() + ms)
const ago = (ms) => w.iso(Date.now() - ms)

const chat = ['anthropic/claude-opus-4-5', 'openrouter/qwen3-235b-a22b', 'local/qwen3']
const chains = { chat, compaction: ['chat'], fast: ['local/qwen3', 'openrouter/qwen3-235b-a22b'] }
let cooling = []
let rehearsals = []
let last = ''

/** A rehearsed fault makes the first of the chain rest on the next call. */
function call() {
  const fault = rehearsals.find((r) => Date.parse(r.until) > Date.now())
  if (fault) {
    fault.calls++
    cooling = [{ model: fault.models[0], state: 'cooling', since: ago(0), until: soon(115_000), failures: 1, told: false, rehearsed: true, reason: 'is rate limited' }]
  }
  const step = chat.findIndex((m) => !cooling.some((c) => c.model === m))
  last = chat[step]
  return { step, provider: last.split('/')[0], model: last.split('/').slice(1).join('/') }
}

const alias = (name) => {
  const models = chains[name].flatMap((m) => chains[m] ?? [m])
  return { alias: name, configured: chains[name], effective: models.find((m) => !cooling.some((c) => c.model === m)) ?? '', actual: name === 'chat' ? last : '', cooling: cooling.filter((c) => models.includes(c.model)).map(({ model, until, reason }) => ({ model, until, reason })) }
}

const policy = () => ({
  profile: 'balanced', aliases: Object.keys(chains).map(alias), cooling, rehearsals,
  warnings: [{ about: 'chat', message: 'its fallback openrouter/qwen3-235b-a22b is paid and has no budget behind it', remedy: 'set one: `holdfast budget set house --usd-per-month 20`' }],
  proposed: [{ profile: 'quality', line: 'quality: {chat: [anthropic/claude-opus-4-5, openrouter/openai/o3], compaction: [chat], fast: [local/qwen3]}' }],
})

const money = (n) => ({ cost: `$${(n / 1e6).toFixed(2)}`, cost_nano: n * 1000, unpriced: 0 })
const burnt = (n, name) => ({ ...w.burnt(n, name), ...money(n) })
const total = () => w.burn().day
const shares = { agent: { companion: 0.61, digest: 0.24, passthrough_agent: 0.12, '': 0.03 }, model: { 'anthropic/claude-opus-4-5': 0.55, 'openrouter/qwen3-235b-a22b': 0.3, 'local/qwen3': 0.15 } }
const date = (i) => w.iso(Date.now() - i * 24 * hour).slice(0, 10)

function usage({ by = 'agent', since = '24h', until }) {
  const dated = /^\d{4}-/.test(since)
  const days = dated ? Math.max(1, Math.round((Date.parse(until ?? date(0)) - Date.parse(since)) / (24 * hour))) : ({ '7d': 7, '30d': 30 }[since] ?? 1)
  const last = dated && until ? Math.round((Date.parse(date(0)) - Date.parse(until)) / (24 * hour)) + 1 : 0
  const rows = by === 'day'
    ? Array.from({ length: days }, (_, i) => burnt(Math.round(total() * (0.6 + 0.4 * Math.sin(i * 1.3))), date(last + i)))
    : by === 'hour'
      ? Array.from({ length: 24 * days }, (_, i) => burnt(Math.round(total() / 24), `${date(last + Math.floor(i / 24))} ${String(23 - (i % 24)).padStart(2, '0')}:00 +00:00`))
      : Object.entries(shares[by] ?? { '': 1 }).map(([name, share]) => burnt(Math.round(total() * days * share), name))
  const sum = {}
  for (const row of rows) for (const [k, n] of Object.entries(row)) if (typeof n === 'number') sum[k] = (sum[k] ?? 0) + n
  return { since: ago(days * 24 * hour), by, sum: { ...sum, cost: '$12.40' }, rows }
}

const budget = (scope, limit, quota, activity, archived, reserved, at_limit, setting) => ({
  scope, limit, quota, activity, archived, counted: activity - archived, reserved, left: quota - (activity - archived) - reserved, percent: Math.round((100 * (activity - archived)) / quota), reconciled: true,
  since: ago(9 * hour), until: soon(15 * hour), at_limit, setting,
})
let budgets = [
  budget('house', 'usd_per_month', 50, 12.4, 0, 0.2, 'refuse', 'budgets.limits.house.usd_per_month of holdfast.yaml'),
  budget('agent:companion', 'tokens_per_day', 20_000_000, 15_812_004, 0, 18_000, 'park', 'tokens_per_day of `budget set agent:companion` by operator:local'),
]
const events = [
  { time: ago(40 * minute), event: 'warned', scope: 'agent:companion', limit: 'tokens_per_day', period: 'day', percent: 75, quota: 20_000_000, spent: 15_000_120 },
  { time: ago(3 * hour), event: 'set', scope: 'agent:companion', by: 'operator:local', detail: 'tokens_per_day 20000000 tokens, at_limit park' },
]
const happened = (event, scope, more = {}) => events.unshift({ time: ago(0), event, scope, by: 'operator:local', ...more })
let parked = [{ id: 'w4k2', since: ago(minute), until: soon(9 * minute), scope: 'agent:companion', setting: 'tokens_per_day', caller: 'agent:companion', agent: 'companion', model: 'chat', tokens: 4_200_000, usd: 21.4, why: 'the budget of agent:companion for the day has 4,169,996 tokens left' }]

function answered(id, event) {
  const found = parked.find((p) => p.id === id)
  parked = parked.filter((p) => p !== found)
  happened(event, found.scope, { call: id })
  return { call: found, by: 'operator:local' }
}

const deeds = []
const scopes = []

/** A tenant or key as the breaker sees it. */
function scoped(scope, more) {
  const found = scopes.find((s) => s.scope === scope)
  if (found) Object.assign(found, more)
  else scopes.push({ scope, state: 'armed', burn_hour: 0, burn_day: 0, ...more })
}

export const breakerScopes = () => scopes
export const haltScope = (scope, reason) => {
  scoped(scope, { state: 'halted', reason })
  deeds.unshift({ time: ago(0), event: 'halt', scope, reason, by: 'operator:local' })
}
export const resumeScope = (scope) => {
  scoped(scope, { state: 'armed', reason: '' })
  deeds.unshift({ time: ago(0), event: 'resume', scope, by: 'operator:local' })
}

let keys = [
  { name: 'AGENT_API_KEY', hint: 'sk-••••r8', source: '.env', state: 'valid', used: ago(2 * minute) },
  { name: 'phone', hint: 'sk-ans8…', source: 'store', state: 'valid', owner: 'client:phone', models: ['chat', 'fast'], rpm: 60, tpm: 200_000, expires: soon(20 * 24 * hour), used: ago(5 * hour), created: ago(90 * hour), created_by: 'operator:local' },
  { name: 'acme-batch', hint: 'sk-p0q2…', source: 'store', state: 'expired', owner: 'tenant:acme', tenant: 'acme', expires: ago(30 * hour), created: ago(900 * hour) },
]
const made = (name) => ({ name, key: `sk-fixture-${'0123456789abcdef'.repeat(3)}`, hint: 'sk-fixt…' })

const block = (start, total, active) => ({ start: ago(start), end: w.iso(Date.now() - start + 5 * hour), active, ...burnt(total), tokens_per_minute: active ? 41_000 : 0, projected: active ? total * 1.8 : 0 })
const price = (vendor, model, input, output) => ({ vendor, model, known: true, input, cached_read: input / 10, cache_write_5m: input * 1.25, cache_write_1h: input * 2, output, reasoning: output, source: 'a price list' })

/** The answers of these actions, by their names. */
export const spending = {
  'model.policy': policy,
  'model.list': () => ({ aliases: policy().aliases, models: chat, agents: ['passthrough_agent'] }),
  'cooldown.clear': ({ name }) => {
    const cleared = cooling.filter((c) => !name || c.model === name).map((c) => c.model)
    cooling = cooling.filter((c) => !cleared.includes(c.model))
    return { cleared }
  },
  'gateway.rehearse': ({ alias: of = 'chat', fault = '429' }) => {
    rehearsals = [{ fault, alias: of, models: chat.slice(0, 1), since: ago(0), until: soon(minute), by: 'operator:local', calls: 0 }]
    return { rehearsals }
  },
  'gateway.end_rehearsal': () => ({ rehearsals: (rehearsals = []) }),
  'token.usage': usage,
  'token.sessions': ({ limit = 50, agent }) => ({ since: ago(72 * hour), sessions: Array.from({ length: Math.min(limit, 1_300) }, (_, i) => ({ session: `${i}-b1f7-22aa-09`, source: i % 3 ? 'claude' : 'gateway', agent: i % 3 ? 'claude' : 'companion', project: i % 3 ? '/srv/site' : '', first: ago((i + 2) * hour), last: ago(i * 5 * minute + minute), ...burnt(4_100_000 / (i + 1)) })).filter((s) => !agent || s.agent === agent) }),
  'token.blocks': () => ({ since: ago(72 * hour), blocks: [block(31 * hour, 9_400_000, false), block(8 * hour, 22_100_000, false), block(2 * hour, 5_200_000, true)] }),
  'token.calls': ({ status }) => ({
    calls: Array.from({ length: 60 }, (_, i) => ({ time: ago(i * 70_000 + 4_000), agent: i % 3 ? 'companion' : 'digest', model: chat[i % 2], status: i === 4 ? 'failed' : i === 7 ? 'cut' : 'ok', ...w.usage(9_000), total: 9_000 + i * 317, cost: i % 2 ? '' : '$0.0312', cost_nano: null, latency_ms: 800 + i * 40, first_token_ms: 300, source: 'gateway', cache_write_5m: 0, cache_write_1h: 0, estimated: i === 7, fallback: i % 2, alias: 'chat', dialect: 'openai.chat', caller: 'agent:companion', key: '', tenant: '', unit: '', session: '', project: '', node: 'house', request_id: `hf-${i}`, response_id: '' }))
      .filter((c) => !status || c.status === status),
  }),
  'telemetry.status': () => ({ state: 'on', looked: ago(9_000), took: '4ms', files: 212, read: 1, bytes: 120_000, calls: 8_812, folders: [{ agent: 'claude', path: '~/.claude/projects' }, { agent: 'codex', path: '~/.codex/sessions' }] }),
  'price.list': () => ({ dated: '2026-11-05', prices: [price('anthropic', 'claude-opus-4-5', 5, 25), price('openai', 'o3', 2, 8), price('google', 'gemini-2.5-pro', 1.25, 10), { ...price('google', 'gemini-2.5-pro', 2.5, 15), above: 200_000 }] }),
  'budget.report': () => ({ now: ago(0), zone: 'UTC', reconciled: true, budgets, parked: parked.length }),
  'budget.history': () => ({ events }),
  'budget.parked': () => ({ calls: parked }),
  'budget.approve': ({ id }) => answered(id, 'approved'),
  'budget.deny': ({ id }) => answered(id, 'denied'),
  'budget.set': ({ scope, at_limit = 'refuse', ...limits }) => {
    budgets = budgets.filter((b) => b.scope !== scope || !(b.limit in limits))
    for (const [limit, quota] of Object.entries(limits)) budgets.push(budget(scope, limit, quota, 0, 0, 0, at_limit, `${limit} of \`budget set ${scope}\` by operator:local`))
    happened('set', scope)
    return { scope, before: {}, after: limits }
  },
  'budget.remove': ({ scope, limit }) => {
    budgets = budgets.filter((b) => b.scope !== scope || (limit && b.limit !== limit))
    happened('removed', scope)
    return { scope, before: {}, after: {} }
  },
  'budget.reset': ({ scope }) => {
    const before = budgets.filter((b) => b.scope === scope)
    budgets = budgets.map((b) => (b.scope === scope ? budget(scope, b.limit, b.quota, b.activity, b.activity, b.reserved, b.at_limit, b.setting) : b))
    happened('reset', scope)
    return { scope, before, after: budgets.filter((b) => b.scope === scope) }
  },
  'breaker.history': () => ({ events: [...deeds, { time: ago(26 * hour), event: 'resume', by: 'owner:terminal', reason: 'by the owner' }, { time: ago(28 * hour), event: 'halt', reason: 'the hour burned 15,204,118 of 15,000,000 tokens', burn: 15_204_118, cap: 15_000_000 }] }),
  'breaker.set_thresholds': ({ scope, ...more }) => {
    const old = structuredClone(w.thresholds)
    if (!scope) Object.assign(w.thresholds, more)
    else {
      const [kind, name] = scope.split(':')
      const all = (w.thresholds[`${kind}s`] ??= {})
      all[name] = { ...all[name], ...more }
      scoped(scope, { burn_hour: 1_200, burn_day: 4_100, cap_hour: all[name].hard_cap_per_hour, cap_day: all[name].hard_cap_per_day })
    }
    deeds.unshift({ time: ago(0), event: 'thresholds', by: 'owner:terminal', detail: { old, new: structuredClone(w.thresholds) } })
    return { old, new: w.thresholds }
  },
  'key.list': () => ({ keys }),
  'key.create': ({ name, ...more }) => {
    keys = [...keys, { name, hint: 'sk-fixt…', source: 'store', state: 'valid', owner: `client:${name}`, ...more, expires: undefined }]
    return made(name)
  },
  'key.update': ({ name, ...more }) => {
    const before = keys.find((k) => k.name === name)
    const after = { ...before, ...more, ...(more.models?.[0] === '*' ? { models: [] } : {}), ...(more.expires === undefined ? {} : { expires: undefined }) }
    keys = keys.map((k) => (k === before ? after : k))
    return { before, after }
  },
  'key.rotate': ({ name }) => ({ ...made(name), old_until: soon(hour) }),
}

/** What revoking a key destroys, and the doing of it. */
export const revocation = (name) => ({ action: 'key.revoke', token: 'fixture-token', expires: soon(10 * minute), categories: [{ name: 'key', summary: `The API key ${name}`, returns: 'trash', production: true, shared: false, items: [{ id: name, kind: 'key' }] }] })
export const revoke = (name) => {
  keys = keys.filter((k) => k.name !== name)
  return { name, trash: 'key-1' }
}

/** Streams a chat completion, a word at a time; a model named "slow" takes its time. */
export function complete(res, body) {
  const served = call()
  const asked = body.messages.at(-1).content
  const words = `You said: ${asked} `.repeat(asked.includes('at length') ? 40 : 1).split(/(?<= )/)
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Holdfast-Provider': served.provider, 'X-Holdfast-Model': served.model, 'X-Holdfast-Fallback': String(served.step), 'X-Request-Id': 'hf-fixture' })
  const send = (event) => res.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
  let i = 0
  const timer = setInterval(() => {
    if (i < words.length) return send({ choices: [{ index: 0, delta: { content: words[i++] } }] })
    send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
    send({ choices: [], usage: { prompt_tokens: 12, completion_tokens: words.length, prompt_tokens_details: { cached_tokens: 4 } } })
    send('[DONE]')
    clearInterval(timer)
    res.end()
  }, 40)
  res.on('close', () => clearInterval(timer))
}
