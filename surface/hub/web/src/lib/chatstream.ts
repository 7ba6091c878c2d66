// SPDX-License-Identifier: Apache-2.0

/** Takes a text stream of server-sent events apart: give it text as it comes, and it hands over the data of each event. */
export function splitter(onData: (data: string) => void): (text: string) => void {
  let rest = ''
  let data: string[] = []
  const line = (text: string) => {
    if (text === '') {
      if (data.length > 0) onData(data.join('\n'))
      data = []
    } else if (text.startsWith('data:')) {
      data.push(text.slice(text[5] === ' ' ? 6 : 5))
    }
  }
  return (text) => {
    rest += text
    // A CR at the very end may be half of a line end.
    const held = rest.endsWith('\r') ? 1 : 0
    const lines = rest.slice(0, rest.length - held).split(/\r\n|\r|\n/)
    rest = (lines.pop() ?? '') + rest.slice(rest.length - held)
    for (const one of lines) line(one)
  }
}

export interface Usage {
  input: number
  cached: number
  output: number
  reasoning: number
}

/** What the gateway says of a call that it refused or that failed. */
export interface CallError {
  message: string
  code?: string
  param?: string
}

/** An answer as far as it has come. */
export interface Answer {
  text: string
  reasoning: string
  /** Names of the tools that the model asked for. */
  tools: string[]
  finish: string
  usage?: Usage
  error?: CallError
  /** The stream said that it is over. */
  ended: boolean
}

export const nothingYet: Answer = { text: '', reasoning: '', tools: [], finish: '', ended: false }

const record = (value: unknown): Record<string, unknown> => (value && typeof value === 'object' ? (value as Record<string, unknown>) : {})
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const count = (value: unknown): number => (typeof value === 'number' ? value : 0)

/** Adds one event of a chat completion's stream to the answer. */
export function take(answer: Answer, data: string): Answer {
  if (data.trim() === '[DONE]') return { ...answer, ended: true }
  const event = record(parse(data))
  const next = { ...answer }
  if (event.error) next.error = errorOf(event)
  if (event.usage) next.usage = usageOf(event.usage)
  const choice = record(Array.isArray(event.choices) ? event.choices[0] : undefined)
  const delta = record(choice.delta)
  next.text += text(delta.content)
  next.reasoning += text(delta.reasoning_content) || text(delta.reasoning)
  if (Array.isArray(delta.tool_calls)) {
    const names = delta.tool_calls.map((c) => text(record(record(c).function).name)).filter(Boolean)
    if (names.length > 0) next.tools = [...next.tools, ...names]
  }
  if (text(choice.finish_reason)) next.finish = text(choice.finish_reason)
  return next
}

function usageOf(raw: unknown): Usage {
  const u = record(raw)
  return {
    input: count(u.prompt_tokens), output: count(u.completion_tokens),
    cached: count(record(u.prompt_tokens_details).cached_tokens), reasoning: count(record(u.completion_tokens_details).reasoning_tokens),
  }
}

/** The error of a body or an event in OpenAI's form, whatever else it may be. */
export function errorOf(body: unknown): CallError {
  const error = record(record(body).error)
  const code = text(error.reason) || text(error.code)
  return { message: text(error.message) || 'the house gave no reason', ...(code ? { code } : {}), ...(text(error.param) ? { param: text(error.param) } : {}) }
}

/** JSON, or undefined where it is none. */
export function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

const remedies: Record<string, string> = {
  breaker_halt: 'resume the breaker: `holdfast breaker resume` in a terminal',
  breaker_blind: 'see on the Tokens page who judges the burn; `holdfast up` starts what is missing',
  breaker_cap: 'wait until calls under way have ended, or ask for fewer tokens',
  budget_exceeded: 'raise or reset the budget on the Tokens page, under Budgets',
  cooling_down: 'clear the cooldown above, or wait until it ends',
  model_not_found: 'choose one that is listed',
  key_rate_limited: 'wait a minute, or raise the rate of the key',
}

/** What a person can do about a refusal; empty where nothing is known. */
export const remedyOf = (code: string | undefined): string => remedies[code ?? ''] ?? ''

export interface Turn {
  role: 'user' | 'assistant'
  content: string
}

/** The body of a call: an empty system prompt and an unset limit are left out. */
export function requestOf(model: string, system: string, turns: Turn[], limit: string) {
  const most = Number(limit)
  return {
    model, stream: true, stream_options: { include_usage: true },
    messages: [...(system.trim() ? [{ role: 'system', content: system.trim() }] : []), ...turns],
    ...(limit.trim() && Number.isInteger(most) && most > 0 ? { max_tokens: most } : {}),
  }
}
