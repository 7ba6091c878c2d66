// SPDX-License-Identifier: Apache-2.0
import { useCallback, useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from 'react'

import { callTrouble, chat, type Served } from '../api/chat.ts'
import { act } from '../api/client.ts'
import { refresh, useRead } from '../api/house.ts'
import { nothingYet, requestOf, type Answer, type Turn } from '../lib/chatstream.ts'
import { nanoseconds, plural, whole } from '../lib/format.ts'
import { Button } from '../ui/button.tsx'
import { PlayIcon, RestartIcon, StopIcon } from '../ui/icons.tsx'
import { Badge, Card, Copy } from '../ui/parts.tsx'
import { TroubleCard } from '../ui/trouble.tsx'

interface Exchange {
  id: number
  model: string
  asked: string
  answer: Answer
  served?: Served
  state: 'waits' | 'streams' | 'done' | 'stopped' | 'failed'
  trouble?: unknown
  /** Milliseconds to the first word and to the end. */
  first?: number
  took?: number
  /** What the ledger booked for it: null where the price is not known. */
  booked?: { total: number; cost: string | null }
}

/** The answers that a call may have changed. */
const touched = ['model.policy', 'model.list', 'token.summary', 'token.usage', 'token.calls', 'token.sessions', 'budget.report', 'breaker.status']

const turnsOf = (past: Exchange[]): Turn[] =>
  past.filter((e) => e.answer.text !== '').flatMap((e): Turn[] => [{ role: 'user', content: e.asked }, { role: 'assistant', content: e.answer.text }])

const bookings = [0, 400, 1_500, 4_000]

/** What the ledger booked for a call, which it may do a moment after the answer. */
async function bookedOf(request: string): Promise<Exchange['booked']> {
  for (const pause of bookings) {
    await new Promise((done) => setTimeout(done, pause))
    const { calls } = await act('token.calls', { since: '1h', limit: 50 }).catch(() => ({ calls: [] }))
    const call = calls?.find((c) => c.request_id === request)
    if (call) return { total: call.total, cost: call.cost_nano === null ? null : call.cost }
  }
  return undefined
}

/** The exchanges, and the call under way if there is one. */
export function useChat() {
  const [exchanges, setExchanges] = useState<Exchange[]>([])
  const running = useRef<AbortController>(undefined)
  const [busy, setBusy] = useState(false)
  useEffect(() => () => running.current?.abort(), [])

  const ask = useCallback(async (model: string, system: string, text: string, limit: string, past: Exchange[]) => {
    const abort = new AbortController()
    running.current = abort
    const id = Date.now()
    const began = performance.now()
    const since = () => performance.now() - began
    const change = (more: Partial<Exchange>) => setExchanges((all) => all.map((e) => (e.id === id ? { ...e, ...more } : e)))
    setExchanges([...past, { id, model, asked: text, answer: nothingYet, state: 'waits' }])
    setBusy(true)
    let first: number | undefined
    let request = ''
    const onServed = (served: Served) => {
      request = served.request
      change({ served })
    }
    try {
      const answer = await chat(requestOf(model, system, [...turnsOf(past), { role: 'user', content: text }], limit), abort.signal, onServed, (answer) => {
        if (answer.text !== '') first ??= since()
        change({ answer, state: 'streams', ...(first === undefined ? {} : { first }) })
      })
      const cut = answer.error ?? (answer.ended ? undefined : { message: 'the stream ended without saying that it is over', code: 'upstream_cut' })
      change({ answer, took: since(), state: cut ? 'failed' : 'done', ...(cut ? { trouble: callTrouble(502, cut) } : {}) })
    } catch (err) {
      change({ took: since(), ...(abort.signal.aborted ? { state: 'stopped' as const } : { state: 'failed' as const, trouble: err }) })
    } finally {
      setBusy(false)
      refresh(touched)
      if (request !== '') void bookedOf(request).then((booked) => booked && change({ booked }))
    }
  }, [])

  return { exchanges, busy, ask, stop: () => running.current?.abort(), clear: () => setExchanges([]) }
}

/** Talks to a model through the front door, as any program would. */
export function Playground({ chat: { exchanges, busy, ask, stop, clear } }: { chat: ReturnType<typeof useChat> }) {
  const [model, setModel] = useState('chat')
  const [text, setText] = useState('')
  const [system, setSystem] = useState('')
  const [limit, setLimit] = useState('')
  const send = () => {
    if (busy || text.trim() === '') return
    setText('')
    void ask(model, system, text.trim(), limit, exchanges)
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    send()
  }
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }
  return (
    <Card title="Playground" className="playground" aside={<Button kind="ghost" isDisabled={busy || exchanges.length === 0} onPress={clear}>Clear</Button>}>
      <Talk exchanges={exchanges} busy={busy} onAgain={(e) => void ask(e.model, system, e.asked, limit, exchanges.filter((other) => other.id !== e.id))} />
      <form className="stack" onSubmit={submit}>
        <div className="ask">
          <textarea className="input" aria-label="Message" placeholder="Say something. Enter sends." rows={2} value={text} onChange={(e) => setText(e.target.value)} onKeyDown={onKey} />
          {busy ? <Button kind="warn" icon={<StopIcon size={15} />} onPress={stop}>Stop</Button> : <Button type="submit" kind="primary" icon={<PlayIcon size={15} />} isDisabled={text.trim() === ''}>Send</Button>}
        </div>
        <div className="settings">
          <label className="field"><span>Model</span><ModelChoice value={model} onChange={setModel} /></label>
          <label className="field"><span>Most tokens of the answer</span><input className="input" inputMode="numeric" pattern="[0-9]*" placeholder="as the model likes" value={limit} onChange={(e) => setLimit(e.target.value.replace(/\D/g, ''))} /></label>
          <label className="field grow"><span>System prompt</span><input className="input" placeholder="none" value={system} onChange={(e) => setSystem(e.target.value)} /></label>
        </div>
      </form>
    </Card>
  )
}

function ModelChoice({ value, onChange }: { value: string; onChange: (model: string) => void }) {
  const list = useRead('model.list', {}).data
  const aliases = (list?.aliases ?? []).map((a) => a.alias)
  const groups: [string, string[]][] = [['Aliases', aliases], ['Models', list?.models ?? []], ['Agents', list?.agents ?? []]]
  const known = groups.some(([, names]) => names.includes(value))
  useEffect(() => {
    if (list && !known) onChange(aliases[0] ?? list.models?.[0] ?? value)
    // Only a list that came may change the choice.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [list])
  return (
    <select className="input" value={value} onChange={(e) => onChange(e.target.value)}>
      {!known && <option>{value}</option>}
      {groups.filter(([, names]) => names.length > 0).map(([label, names]) => <optgroup key={label} label={label}>{names.map((n) => <option key={n}>{n}</option>)}</optgroup>)}
    </select>
  )
}

function Talk({ exchanges, busy, onAgain }: { exchanges: Exchange[]; busy: boolean; onAgain: (exchange: Exchange) => void }) {
  const end = useRef<HTMLDivElement>(null)
  const last = exchanges.at(-1)
  useEffect(() => {
    if (end.current) end.current.scrollTop = end.current.scrollHeight
  }, [last?.answer.text, last?.state])
  return (
    <div className="talk" ref={end} tabIndex={0} role="log" aria-label="The talk" aria-live="off">
      {exchanges.length === 0 && <p className="dim small center">What you send goes through the gateway as any program's call does: counted, capped, and with its fallback.</p>}
      {exchanges.map((e) => <ExchangeView key={e.id} exchange={e} {...(e === last && !busy && (e.state === 'failed' || e.state === 'stopped') ? { onAgain: () => onAgain(e) } : {})} />)}
      <p className="sr" role="status">{last ? said(last) : ''}</p>
    </div>
  )
}

/** What a screen reader is told, once, when something has come about. */
const said = (e: Exchange): string => ({ waits: 'Sent', streams: 'The answer comes', done: `Answered: ${e.answer.text}`, stopped: 'Stopped', failed: 'The call failed' })[e.state]

function ExchangeView({ exchange: e, onAgain }: { exchange: Exchange; onAgain?: () => void }) {
  const { answer } = e
  return (
    <article className="exchange" data-state={e.state}>
      <p className="asked">{e.asked}</p>
      {answer.reasoning && <details className="schema"><summary>Reasoning</summary><p className="answer soft">{answer.reasoning}</p></details>}
      {answer.text && <p className="answer">{answer.text}{e.state === 'streams' && <span className="caret" aria-hidden="true" />}</p>}
      {answer.tools.length > 0 && <p className="soft small">asks for {plural(answer.tools.length, 'tool')}: {answer.tools.map((t, i) => <code key={i}>{t} </code>)}</p>}
      {e.state === 'waits' && <p className="dim small row"><span className="spinner" aria-hidden="true" />waits for the first word</p>}
      {e.state === 'done' && answer.text === '' && answer.tools.length === 0 && <p className="dim">An answer without words.</p>}
      {e.trouble ? <TroubleCard error={e.trouble} /> : null}
      {e.took !== undefined && <Foot exchange={e} took={e.took} />}
      {onAgain && <Button kind="ghost" icon={<RestartIcon size={15} />} onPress={onAgain}>Ask again</Button>}
    </article>
  )
}

function Foot({ exchange: { model, served, answer, first, state, booked }, took }: { exchange: Exchange; took: number }) {
  const { usage } = answer
  return (
    <p className="row wrap served small">
      {state === 'stopped' && <Badge tone="warn">stopped</Badge>}
      {served?.provider && <span className="dim">asked <code>{model}</code>, answered by</span>}
      {served?.provider && <Badge tone="calm">{served.provider}</Badge>}
      {served?.model && <code className="served-model">{served.model}</code>}
      {served?.provider && <Badge tone={served.fallback > 0 ? 'warn' : 'good'}>{served.fallback > 0 ? `fallback ${served.fallback}` : 'first choice'}</Badge>}
      {usage && <span className="served-tokens">{whole(usage.input)} in{usage.cached > 0 && ` (${whole(usage.cached)} cached)`} · {whole(usage.output)} out{usage.reasoning > 0 && ` (${whole(usage.reasoning)} reasoning)`}</span>}
      {booked && <span className="served-cost" title={`${whole(booked.total)} tokens are booked`}>{booked.cost === null ? 'price unknown' : booked.cost || '$0'}{!usage && <span className="dim"> · {whole(booked.total)} tokens, estimated</span>}</span>}
      <span className="dim">{first !== undefined && `first word ${nanoseconds(first * 1e6)} · `}{nanoseconds(took * 1e6)}{answer.finish && answer.finish !== 'stop' && ` · ended by ${answer.finish}`}</span>
      {answer.text && <Copy text={answer.text} label="Copy the answer" />}
      {served?.request && <span className="dim served-request">request <code>{served.request}</code></span>}
    </p>
  )
}
