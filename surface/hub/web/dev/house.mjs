// SPDX-License-Identifier: Apache-2.0
// A pretended house for looking at the Hub without one: a few units, tools, approvals and a
// journal that moves. Only the dev server and dev/serve.mjs use it; nothing of it is built into dist.
import { randomUUID } from 'node:crypto'

const minute = 60_000
const hour = 60 * minute
const started = Date.now() - 27.4 * hour
const iso = (ms) => new Date(ms).toISOString()

const needs = { 'notes.ui': ['notes.backend'], 'notes.backend': ['postgres'], companion: ['postgres', 'notes.backend'], digest: ['companion'], 'mail-watch': ['companion'], voicebox: ['notes.backend'] }
const units = [
  ['postgres', 'config', 'ready', 5432, 0, 27.4],
  ['edge', 'house', 'ready', 8443, 0, 27.4],
  ['companion', 'config', 'ready', 9000, 1, 6.2],
  ['notes.backend', 'extension notes', 'ready', 5300, 0, 27.4],
  ['notes.ui', 'extension notes', 'ready', 5200, 0, 27.4],
  ['mail-watch', 'config', 'backing-off', 0, 7, 0.05, 'exited with status 1; starts again in 3m41s'],
  ['voicebox', 'extension voicebox', 'blocked', 5203, 0, 27.4, 'the key VOICEBOX_TOKEN is not set; `holdfast keys set VOICEBOX_TOKEN` sets it'],
  ['indexer', 'config', 'held', 0, 2, 3.1, 'stopped by the operator'],
  ['digest', 'config', 'running', 0, 0, 12],
].map(([name, owner, state, port, restarts, hours, detail]) => ({
  name, owner, state, ...(detail ? { detail } : {}), ...(['held', 'blocked', 'backing-off'].includes(state) ? {} : { pid: 4000 + name.length * 37 }),
  ...(port ? { port } : {}), since: iso(Date.now() - hours * hour), restarts, last_check: iso(Date.now() - 12_000), log: `var/logs/${name}.log`,
  ...(needs[name] ? { needs: needs[name] } : {}), ...(name === 'digest' ? { worker: true, lacks: ['a bound on memory: this kernel has no cgroup that may be written'] } : {}),
}))

// `serve.mjs PORT 500` pretends that many units.
const many = Number(process.argv[3] ?? 0)
for (let i = units.length; i < many; i++) {
  const state = i % 41 === 0 ? 'held' : i % 97 === 0 ? 'failed' : 'ready'
  units.push({ name: `worker-${String(i).padStart(3, '0')}`, owner: `extension pack${i % 12}`, state, ...(state === 'ready' ? { pid: 9000 + i } : {}), since: iso(Date.now() - i * minute), restarts: i % 53 === 0 ? 5 : 0, log: `var/logs/worker-${i}.log`, ...(i % 3 ? { needs: [i % 9 ? 'postgres' : `worker-${String(i - 1).padStart(3, '0')}`] } : {}) })
}

const tool = (name, source, summary, properties, required, extra = {}) => ({
  ...(source === 'house' ? {} : { extension: source.replace('extension ', '') }), name, source, summary, enabled_in_mcp: true, passthrough: false, tier: 'tenant-peer', read_only: false, destructive: false, calls: 0, errors: 0,
  input_schema: { type: 'object', properties, required }, ...extra,
})
const string = (description) => ({ type: 'string', description })
const tools = [
  tool('notes_add', 'extension notes', 'Add a note.\n\nExample Prompt: remember that the boiler was serviced\nExample Args: {"title": "Boiler", "body": "serviced", "tags": ["home"]}', {
    title: string('a short title'), body: string('what to remember'), tags: { type: 'array', items: { type: 'string' }, description: 'words to find it by' },
    priority: { type: 'integer', minimum: 1, maximum: 5, default: 3, description: 'from 1 to 5' }, colour: { type: 'string', enum: ['plain', 'red', 'blue'] }, pinned: { type: 'boolean', default: false },
  }, ['title', 'body'], { passthrough: true, calls: 42 }),
  tool('notes_search', 'extension notes', 'Find notes by words in them.', { query: string('words'), limit: { type: 'integer', default: 10, minimum: 1, maximum: 100 } }, ['query'], { read_only: true, passthrough: true }),
  tool('notes_delete', 'extension notes', 'Delete a note for good.', { id: string('the id of the note') }, ['id'], { destructive: true, enabled_in_mcp: false }),
  tool('unit_list', 'house', 'List what is kept running', {}, [], { read_only: true, tier: 'operator' }),
  tool('extension_delete', 'house', 'Delete an extension and its data', { name: string('the extension') }, ['name'], { destructive: true, tier: 'operator' }),
  tool('echo', 'extension everything', 'Echoes back the input', { message: string('what to echo') }, ['message'], { read_only: true }),
  tool('long_running', 'extension everything', 'Runs for a while and reports progress', { duration: { type: 'number', default: 10 }, steps: { type: 'number', default: 5 }, options: { type: 'object' } }, [], {}),
]

const approvals = [
  { id: 'k3vq7mzt2a', kind: 'action', created: iso(Date.now() - 4 * minute), expires: iso(Date.now() + 23.9 * hour), caller: 'agent:companion', action: 'extension.delete', subject: 'notes', input: { name: 'notes' }, state: 'pending' },
  { id: 'p9x2c4hw6e', kind: 'action', created: iso(Date.now() - 26 * hour), expires: iso(Date.now() - 2 * hour), caller: 'agent:digest', action: 'trash.empty', subject: '', input: {}, state: 'denied', answered: iso(Date.now() - 25 * hour), answerer: 'operator:local', reason: 'not before the backup' },
]

const inventory = {
  action: 'extension.delete', token: 'fixture-token', expires: iso(Date.now() + 10 * minute),
  categories: [
    { name: 'files', summary: 'The folder of the extension', returns: 'trash', production: true, shared: false, backup: 'daily', items: [{ id: 'extensions/notes', kind: 'folder', bytes: 184_320 }, { id: 'extensions/notes/tools/notes_tools.py', kind: 'file', bytes: 5_120 }] },
    { name: 'data', summary: 'What its service keeps', returns: 'never', production: true, shared: true, items: [{ id: 'extensions/notes/data/notes.db', kind: 'database', rows: 1_284, bytes: 2_310_144 }] },
  ],
}

const thresholds = { hard_cap_per_hour: 15_000_000, hard_cap_per_day: 100_000_000, soft_cap_pct: 0.8, hard_cap_pct: 1, cooldown_hours: 4, notify_only: false, cut_streams: true, blind_seconds: 60 }
let halt
let extraCalls = 0

const usage = (total) => ({ input: Math.round(total * 0.22), cached_read: Math.round(total * 0.66), cache_write: Math.round(total * 0.06), output: total - Math.round(total * 0.22) - Math.round(total * 0.66) - Math.round(total * 0.06), reasoning: Math.round(total * 0.02) })
const burnt = (total, name) => ({ ...(name === undefined ? {} : { name }), calls: Math.round(total / 9_000), estimated: total > 1e7 ? 12 : 0, ...usage(total), total: Math.round(total) })

const hours = Array.from({ length: 24 }, (_, i) => {
  const at = Math.floor(Date.now() / hour) * hour - (23 - i) * hour
  const total = Math.round(Math.max(0, 900_000 + 850_000 * Math.sin(i / 3.1) + 400_000 * Math.sin(i * 1.7)))
  return { time: iso(at), ...usage(total), total, calls: Math.round(total / 9_000) }
})

const entries = []
const followers = new Set()
let sequence = 10_402

function note(action, subject, outcome, { caller = 'operator:local', tier = 'operator', ms, detail, at = Date.now() } = {}) {
  const entry = { sequence: ++sequence, time: iso(at), node: 'house', caller, tier, action, ...(subject ? { subject } : {}), outcome, ...(ms ? { duration_ns: Math.round(ms * 1e6) } : {}), ...(detail ? { detail } : {}), hash: randomUUID().replaceAll('-', '').repeat(2) }
  entries.push(entry)
  for (const tell of followers) tell(entry)
}

const past = [
  ['house.up', 'house', 'done', { caller: 'operator:local', ms: 812, detail: { url: 'http://127.0.0.1:8443', units: 8 } }],
  ['unit.state', 'notes.backend', 'noted', { caller: 'schedule:supervisor', tier: 'internal', detail: { from: 'starting', to: 'ready' } }],
  ['unit.state', 'voicebox', 'noted', { caller: 'schedule:supervisor', tier: 'internal', detail: { from: 'stopped', to: 'blocked', reason: 'needs the key VOICEBOX_TOKEN' } }],
  ['session.login', 'operator', 'done', { caller: 'nobody', tier: 'public' }],
  ['tool.call', 'notes_add', 'started', { caller: 'agent:companion', tier: 'tenant-peer', detail: { input: { title: 'Boiler', body: '••••' } } }],
  ['tool.call', 'notes_add', 'done', { caller: 'agent:companion', tier: 'tenant-peer', ms: 18.4 }],
  ['unit.stop', 'indexer', 'done', { ms: 231 }],
  ['unit.start', 'indexer', 'refused', { caller: 'agent:companion', tier: 'tenant-peer', detail: { guard: 'intent', reason: 'operator:local stopped it on purpose' } }],
  ['breaker.thresholds', '', 'done', { detail: { input: { hard_cap_per_hour: 15_000_000 } }, ms: 3.1 }],
  ['unit.state', 'mail-watch', 'noted', { caller: 'schedule:supervisor', tier: 'internal', detail: { from: 'running', to: 'backing-off', exit: 1 } }],
  ['key.create', 'phone', 'done', { ms: 4.2 }],
  ['extension.delete', 'notes', 'noted', { caller: 'agent:companion', tier: 'tenant-peer', detail: { approval: 'k3vq7mzt2a', state: 'pending' } }],
  ['journal.export', '/srv/archive/journal.jsonl', 'failed', { ms: 12, detail: { error: 'cannot export the journal: /srv/archive/journal.jsonl exists' } }],
]
for (let i = 0; i < 60; i++) {
  const [action, subject, outcome, extra] = past[i % past.length]
  note(action, subject, outcome, { ...extra, at: Date.now() - (60 - i) * 7.3 * minute })
}

const burn = () => {
  const day = hours.reduce((sum, h) => sum + h.total, 0) + extraCalls * 1_200
  return { hour: hours[23].total + extraCalls * 1_200, day, reserved: 18_000, recent: 90_000 }
}

const breakerState = () => (halt ? 'halted' : burn().hour / thresholds.hard_cap_per_hour >= thresholds.soft_cap_pct ? 'warn' : 'armed')

export const world = { units, tools, approvals, inventory, thresholds, hours, entries, followers, started, note, burn, breakerState, usage, burnt, iso, halt: () => halt, setHalt: (h) => { halt = h }, extraCalls: () => extraCalls, count: () => { extraCalls++; hours[23].total += 1_200; hours[23].calls++ } }
