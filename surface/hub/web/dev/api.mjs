// SPDX-License-Identifier: Apache-2.0
// The HTTP side of the pretended house: the routes that the Hub calls, in the house's own shapes.
import { world as w } from './house.mjs'
import { agents } from './agents.mjs'
import { more } from './presets.mjs'
import { toolbox } from './toolbox.mjs'
import { breakerScopes, complete, revocation, revoke, spending, haltScope, resumeScope } from './spending.mjs'

const json = (res, status, body, type = 'application/json') => {
  res.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' })
  res.end(JSON.stringify(body))
}

class Problem extends Error {
  constructor(status, body) {
    super(body.detail)
    this.status = status
    this.body = body
  }
}

const refuse = (guard, reason, remedy) => new Problem(403, { title: 'Forbidden', code: 'refused', detail: `refused by guard ${guard}: ${reason}`, guard, reason, remedy })

function unit(name) {
  const found = w.units.find((u) => u.name === name)
  if (!found) throw new Problem(404, { title: 'Not Found', code: 'not-found', detail: `there is no unit "${name}"` })
  return found
}

function move(u, state, later, after = 700) {
  Object.assign(u, { state, since: w.iso(Date.now()) })
  w.note('unit.state', u.name, 'noted', { caller: 'schedule:supervisor', tier: 'internal', detail: { to: state } })
  if (later) setTimeout(() => move(u, later), after)
}

function act(action, u, run) {
  w.note(action, u.name, 'started', { detail: { input: { name: u.name } } })
  run()
  w.note(action, u.name, 'done', { ms: 41 })
  return u
}

const actions = {
  ...spending,
  ...agents,
  ...toolbox,
  ...more,
  'key.revoke': ({ name }, confirm) => {
    if (!confirm) throw new Problem(409, { title: 'Conflict', code: 'unconfirmed', detail: 'key.revoke destroys: confirm each category', reason: 'not confirmed yet', inventory: revocation(name) })
    return revoke(name)
  },
  'house.status': () => ({
    house: 'harbour', api: 'http://127.0.0.1:8444', checks: [], url: 'http://127.0.0.1:8443', pid: 3871, version: 'v0.1.0', since: w.iso(w.started), home: '~/holdfast', units: w.units, breaker: word(),
    alerts: [
      { name: 'restart_loop', severity: 'warning', subject: 'mail-watch', message: 'restarted 7 times in one hour', since: w.iso(Date.now() - 22 * 60_000) },
      { name: 'missing_secret', severity: 'info', subject: 'voicebox', message: 'VOICEBOX_TOKEN is not set', since: w.iso(w.started) },
    ],
  }),
  'unit.list': () => ({ units: w.units }),
  'unit.restart': ({ unit: name }) => {
    const u = unit(name)
    if (u.state === 'held') throw refuse('intent', `${u.name} was stopped on purpose by operator:local`, `start it with \`holdfast unit start ${u.name}\``)
    return act('unit.restart', u, () => { move(u, 'stopping', 'starting'); setTimeout(() => { u.restarts++; move(u, 'ready') }, 1500) })
  },
  'unit.stop': ({ unit: name }) => { const u = unit(name); return act('unit.stop', u, () => move(u, 'stopping', 'held')) },
  'unit.start': ({ unit: name }) => {
    const u = unit(name)
    if (u.state === 'blocked') throw new Problem(409, { title: 'Conflict', code: 'conflict', detail: `cannot start ${u.name}: ${u.detail}` })
    delete u.detail
    return act('unit.start', u, () => move(u, 'starting', 'ready'))
  },
  'unit.show': ({ unit: name }) => ({ ...unit(name), run: ['python3', `${name}.py`, '--say', 'hello world'], dir: '/srv/holdfast', secrets: ['OPENROUTER_API_KEY'], needs: (unit(name).needs ?? []).map((n) => `${n}: ready`), restart: 'always', held: unit(name).state === 'held', healthy: true, launch: '0mfk2a-9c1d-77aa' }),
  'unit.history': ({ unit: name }) => ({ changes: history(unit(name)) }),
  'log.show': ({ units, grep }) => {
    if (grep?.includes('(?!')) throw new Problem(400, { title: 'Bad Request', code: 'bad-input', detail: 'cannot show the log', problems: [{ field: 'grep', message: `error parsing regexp: invalid or unsupported Perl syntax: ${grep}`, remedy: 'give a regular expression' }] })
    return { units, files: [], lines: [], entries: [], cut: false }
  },
  'token.summary': () => tokens(),
  'breaker.status': () => breaker(),
  'breaker.halt': ({ reason, scope }) => { if (scope) return haltScope(scope, reason), { state: 'halted' }; w.setHalt({ reason, at: Date.now() }); w.note('breaker.halt', '', 'done', { detail: { input: { reason } } }); return { state: 'halted' } },
  'breaker.resume': ({ scope }) => { if (scope) return resumeScope(scope), { state: 'armed', message: 'resumed' }; w.setHalt(undefined); w.note('breaker.resume', '', 'done', { ms: 2 }); return { state: 'armed', message: 'resumed' } },
  'tool.list': ({ all }) => ({ tools: w.tools.filter((t) => all || t.source !== 'house'), servers: [{ name: 'notes', extension: 'notes', state: 'serving', since: w.iso(w.started), tools: 3, starts: 1, failures: 0, log: 'notes_tools.log' }, { name: 'everything', extension: 'everything', state: 'resting', since: w.iso(w.started), tools: 2, starts: 3, failures: 0, log: 'everything_tools.log' }] }),
  'tool.call': ({ name, arguments: args }) => {
    if (name === 'extension_delete') throw new Problem(202, { title: 'Accepted', code: 'pending', approval: 'k3vq7mzt2a', detail: 'waits for approval k3vq7mzt2a' })
    if (name === 'notes_delete') return { text: `there is no note ${args?.id}`, failed: true }
    w.note('tool.call', name, 'done', { ms: 12 })
    return { text: JSON.stringify({ ok: true, ...args }), structured: { ok: true, ...args } }
  },
  'approval.list': ({ state = 'pending' }) => ({ approvals: w.approvals.filter((a) => state === 'all' || a.state === state) }),
  'approval.allow': ({ id }, confirm) => {
    const a = approval(id)
    if (a.kind === 'tool') return answer(a, 'allowed')
    const named = confirm?.split(';')[1]?.split(',').map((s) => s.trim()) ?? []
    const missing = w.inventory.categories.filter((c) => !named.includes(c.name)).map((c) => c.name)
    if (missing.length > 0) throw new Problem(409, { title: 'Conflict', code: 'unconfirmed', detail: `${a.action} destroys: confirm each category`, reason: confirm ? `not confirmed: ${missing.join(', ')}` : 'not confirmed yet', inventory: w.inventory })
    return answer(a, 'allowed')
  },
  'approval.deny': ({ id, reason }) => answer(approval(id), 'denied', reason),
  'journal.show': ({ action, caller, outcome, limit = 50 }) => ({
    entries: w.entries.filter((e) => (!action || e.action === action || e.action.startsWith(action + '.')) && (!caller || e.caller === caller || e.caller.startsWith(caller + ':')) && (!outcome || e.outcome === outcome)).slice(-limit),
  }),
  'operation.list': ({ state }) => ({
    operations: state === 'running' ? [{
      id: 'op-1', kind: 'extension.install', subject: 'weather', caller: 'operator:local', state: 'running', started: w.iso(Date.now() - 21_000),
      steps: [{ name: 'fetch', state: 'done' }, { name: 'check', state: 'done' }, { name: 'install dependencies', state: 'begun', percent: 40, message: '6 of 15 packages' }, { name: 'switch', state: 'pending' }],
    }] : [],
  }),
  'journal.verify': () => ({ entries: 10_402 + w.entries.length, chains: 1 }),
}

function approval(id) {
  const found = w.approvals.find((a) => a.id === id)
  if (found?.state !== 'pending') throw new Problem(409, { title: 'Conflict', code: 'conflict', detail: `approval ${id} is ${found?.state ?? 'gone'} already` })
  return found
}

function answer(a, state, reason) {
  Object.assign(a, { state, answered: w.iso(Date.now()), answerer: 'operator:local', ...(reason ? { reason } : {}) })
  w.note(`approval.${state === 'allowed' ? 'allow' : 'deny'}`, a.id, 'done', { ms: 6 })
  return { id: a.id, state }
}

function word() {
  const halt = w.halt()
  const burn = w.burn()
  return {
    state: w.breakerState(), ...(halt ? { reason: halt.reason, cooldown_until: w.iso(halt.at + 4 * 3_600_000) } : {}),
    burn_hour: burn.hour, burn_day: burn.day, cap_hour: w.thresholds.hard_cap_per_hour, cap_day: w.thresholds.hard_cap_per_day,
  }
}

const breaker = () => ({ ...word(), reserved: w.burn().reserved, projected_minutes: 214, judges: [{ by: 'house', at: w.iso(Date.now() - 3_000), level: 'calm' }, { by: 'watch', at: w.iso(Date.now() - 9_000), level: 'calm', telemetry: true }], ...(w.halt() ? { since: w.iso(w.halt().at) } : {}), thresholds: w.thresholds, scopes: breakerScopes() })

function tokens() {
  const { day, hour, reserved, recent } = w.burn()
  const money = { cost: '$12.40', cost_nano: 12_400_000_000, unpriced: 0 }
  return {
    today: { ...money, ...w.burnt(day), calls: w.burnt(day).calls + w.extraCalls() }, last_hour: { ...money, ...w.burnt(hour) }, by_hour: w.hours, burn: { day, hour, reserved, recent }, now: w.iso(Date.now()),
    by_agent: [w.burnt(day * 0.61, 'companion'), w.burnt(day * 0.24, 'digest'), w.burnt(day * 0.12, 'passthrough_agent'), w.burnt(day * 0.03, '')],
    by_model: [w.burnt(day * 0.55, 'anthropic/claude-opus'), w.burnt(day * 0.3, 'openrouter/qwen3-235b-a22b'), w.burnt(day * 0.12, 'local/qwen3'), w.burnt(day * 0.03, 'rehearsal/rehearsal')],
  }
}

/** What became of a unit lately: some launches that ended, and the present one. */
function history(u) {
  const changes = []
  const add = (minutes, from, to, launch, pid, detail) => changes.push({ at: w.iso(Date.now() - minutes * 60_000), from, to, launch, pid, ...(detail ? { detail } : {}) })
  for (let i = 8; i > 0; i--) {
    const launch = `0mfk${i}-9c1d-77aa`
    add(i * 9, 'backing-off', 'starting', launch, 4000 + i)
    add(i * 9 - 0.03, 'starting', 'ready', launch, 4000 + i)
    add(i * 9 - 8, 'ready', 'backing-off', launch, 4000 + i, 'killed by signal 9; starts again in 1s')
  }
  add(0.9, 'backing-off', 'starting', '0mfk0-9c1d-77aa', u.pid ?? 0)
  add(0.8, 'starting', u.state, '0mfk0-9c1d-77aa', u.pid ?? 0, u.detail)
  return changes.reverse()
}

function usage(first) {
  const now = Date.now()
  const at = (i) => now - (60 - i) * 5_000
  const figures = (u, i, t) => ({ cpu: Math.max(0, 0.08 + (i % 7) * 0.05 + 0.06 * Math.sin(t / 9_000 + i) + (i % 5 === 0 && t % 60_000 < 4_000 ? 0.7 : 0)), memory: Math.round((20 + (i % 11) * 14 + 5 * Math.sin(t / 40_000 + i)) * 1048576) })
  return {
    at: w.iso(now), house: { cpu: 0.01, memory: 48e6 },
    units: w.units.map((u, i) => ({
      name: u.name, state: u.state, ...(u.pid ? { pid: u.pid, ...figures(u, i, now), processes: 1 + (i % 3) } : { cpu: 0, memory: 0, processes: 0 }), restarts: u.restarts, since: u.since,
      ...(first && u.pid ? { series: { at: Array.from({ length: 60 }, (_, k) => w.iso(at(k))), cpu: Array.from({ length: 60 }, (_, k) => figures(u, i, at(k)).cpu), memory: Array.from({ length: 60 }, (_, k) => figures(u, i, at(k)).memory) } } : {}),
    })),
  }
}

const lines = ['\u001b[32mlistening\u001b[0m on 127.0.0.1:5300', 'GET /api/notes/list 200 3 ms', 'GET /healthz 200 0 ms', 'POST /api/notes/add 201 8 ms', 'index: 1284 notes, 2 changed', 'WARN slow query: 212 ms over 1284 rows', `a long one: ${'0123456789 '.repeat(40)}`, 'ERROR cannot reach the relay: timed out']

function stream(res, begin) {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  res.write(': alive\n\n')
  const end = begin((event) => res.write(`data: ${JSON.stringify(event)}\n\n`))
  res.on('close', end)
}

const follows = {
  'operation/show': () => () => undefined,
  'journal/show': (send) => { w.followers.add(send); return () => w.followers.delete(send) },
  'unit/usage': (send) => {
    send(usage(true))
    const timer = setInterval(() => send(usage(false)), 2_000)
    return () => clearInterval(timer)
  },
  'log/show': (send, query) => {
    const units = query.getAll('units').length > 0 ? query.getAll('units') : w.units.slice(0, 6).map((u) => u.name)
    const match = query.get('grep') ? new RegExp(query.get('grep').replace('(?i)', ''), query.get('grep').startsWith('(?i)') ? 'i' : '') : /^/
    const line = (i, at) => {
      const [text, stream] = [lines[i % lines.length], i % 6 === 5 ? 'stderr' : 'stdout']
      if (match.test(text) && (!query.get('stream') || query.get('stream') === stream)) send({ at: w.iso(at), unit: units[(i * 7) % units.length], stream, text })
    }
    let i = 0
    for (; i < Number(query.get('lines') ?? 100); i++) line(i, Date.now() - (1_000 - i) * 400)
    const timer = setInterval(() => line(i++, Date.now()), 900)
    return () => clearInterval(timer)
  },
}

async function body(req) {
  const chunks = []
  for await (const chunk of req) chunks.push(chunk)
  return chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {}
}

const key = 'fixture-key'

/** The login leaves its page key in the storage of the page's origin, as the house's does. */
function login(res) {
  res.writeHead(200, { 'Content-Type': 'text/html' })
  res.end(`<!doctype html><title>Log in</title><button onclick="localStorage.setItem('holdfast.csrf', '${key}'); location.replace('/')">Log in</button>`)
}

/** Answers a request of the Hub; false when it is none of ours. */
export async function answerHub(req, res) {
  const url = new URL(req.url, 'http://fixture')
  if (url.pathname === '/auth/me') return json(res, 200, { authenticated: true, username: 'local', csrf_token: req.headers['x-csrf-token'] === key ? key : '', tier: 'operator' }), true
  if (url.pathname.startsWith('/auth/')) return login(res), true
  if (url.pathname === '/v1/chat/completions') return w.count(), json(res, 200, { choices: [] }), true
  if (url.pathname === '/api/agent/v1/chat/completions') return w.count(), complete(res, await body(req)), true
  const match = /^\/api\/v1\/([\w-]+)\/(\w+)(\/follow)?$/.exec(url.pathname)
  if (!match) return false
  const [, noun, verb, followed] = match
  if (followed) return stream(res, (send) => follows[`${noun}/${verb}`](send, url.searchParams)), true
  try {
    if (req.headers['x-csrf-token'] !== key) throw refuse('csrf', 'the token is missing')
    const run = actions[`${noun}.${verb}`]
    if (!run) throw new Problem(404, { title: 'Not Found', code: 'not-found', detail: `nothing is served at ${url.pathname}` })
    json(res, 200, run(await body(req), req.headers['holdfast-confirm']))
  } catch (err) {
    if (!(err instanceof Problem)) throw err
    json(res, err.status, { status: err.status, ...err.body }, 'application/problem+json')
  }
  return true
}
