// SPDX-License-Identifier: Apache-2.0
import { errorOf, nothingYet, parse, remedyOf, splitter, take, type Answer } from '../lib/chatstream.ts'
import { post } from './client.ts'
import { Trouble } from './errors.ts'

/** Who answered, as the gateway says in its headers. */
export interface Served {
  provider: string
  model: string
  /** The step of the chain that answered; 0 is the first. */
  fallback: number
  request: string
}

/**
 * Makes a streaming chat completion through the front door and tells the answer as it grows. Throws
 * Trouble for a refusal, Offline when nobody answered; an error in the middle stands in the answer.
 */
export async function chat(body: unknown, signal: AbortSignal, onServed: (served: Served) => void, onAnswer: (answer: Answer) => void): Promise<Answer> {
  const response = await post('/api/agent/v1/chat/completions', body, signal)
  onServed({
    provider: response.headers.get('X-Holdfast-Provider') ?? '', model: response.headers.get('X-Holdfast-Model') ?? '',
    fallback: Number(response.headers.get('X-Holdfast-Fallback') ?? 0), request: response.headers.get('X-Request-Id') ?? '',
  })
  if (!response.ok || !response.body) throw callTrouble(response.status, errorBody(await response.text()), Number(response.headers.get('Retry-After') ?? 0))
  let answer = nothingYet
  const feed = splitter((data) => { answer = take(answer, data) })
  const words = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await words.read()
    if (done) break
    feed(value)
    onAnswer(answer)
  }
  return answer
}

const errorBody = (text: string) => {
  const body = parse(text)
  // The front door and the guards speak of problems, the gateway in OpenAI's form.
  const problem = body && typeof body === 'object' ? (body as Record<string, unknown>) : {}
  if (!problem.error && typeof problem.detail === 'string') return { message: problem.detail }
  return errorOf(body)
}

/** A refusal or failure of a call as the Hub tells troubles: what, where, and what to do. */
export function callTrouble(status: number, error: { message: string; code?: string; param?: string }, retryAfter = 0): Trouble {
  const remedy = remedyOf(error.code)
  return new Trouble(status, {
    title: `The gateway answered ${status}`, detail: error.message,
    ...(error.code ? { code: error.code } : {}), ...(error.param ? { problems: [{ field: error.param, message: 'is the field at fault' }] } : {}),
    ...(remedy ? { remedy } : {}), ...(retryAfter > 0 ? { retry_after: retryAfter } : {}),
  })
}
