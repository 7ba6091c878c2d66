// SPDX-License-Identifier: Apache-2.0
import createClient from 'openapi-fetch'

import type { paths } from './schema.d.ts'
import { Offline, Trouble, Unconfirmed, Waiting, type Confirmation, type Inventory, type ProblemDocument } from './errors.ts'

/** Every action of the house, from its OpenAPI document: "unit.list", "breaker.halt", … */
export type ActionName = {
  [P in keyof paths]: P extends `/api/v1/${infer Noun}/${infer Verb}`
    ? Verb extends `${string}/${string}` ? never : `${Noun}.${Verb}`
    : never
}[keyof paths]

type PathOf<A extends ActionName> = A extends `${infer Noun}.${infer Verb}` ? `/api/v1/${Noun}/${Verb}` : never
type PostOf<A extends ActionName> = PathOf<A> extends keyof paths ? (paths[PathOf<A>] extends { post: infer Op } ? Op : never) : never
type JSONOf<T> = T extends { content: { 'application/json': infer Body } } ? Body : never

export type Input<A extends ActionName> = PostOf<A> extends { requestBody?: infer B } ? JSONOf<NonNullable<B>> : Record<string, never>
export type Output<A extends ActionName> = PostOf<A> extends { responses: { 200: infer R } } ? JSONOf<R> : never

/** Who is logged in, from /auth/me. */
export interface Me {
  authenticated: boolean
  username: string
  tier: string
  /** Empty when this browser has lost the page key that its login left in its storage. */
  csrf_token: string
}

const client = createClient<Record<string, { post: { responses: { 200: { content: { 'application/json': unknown } } } } }>>({
  baseUrl: typeof location === 'undefined' ? '' : location.origin,
  credentials: 'same-origin',
})


const pageKeyName = 'holdfast.csrf'

/** The key that the login left in the storage of the Hub's own origin; a session cookie alone changes nothing. */
function pageKey(): string {
  try {
    return localStorage.getItem(pageKeyName) ?? ''
  } catch {
    return ''
  }
}

/** A stream's address with the page key, which an event source cannot send as a header. */
export function keyed(path: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}csrf=${encodeURIComponent(pageKey())}`
}

const headersOf = (): Record<string, string> => ({ Accept: 'application/json', 'X-CSRF-Token': pageKey() })

/** Asks who is logged in. */
export async function me(): Promise<Me> {
  const response = await send('/auth/me')
  if (!response.ok) throw await trouble(response)
  return (await response.json()) as Me
}

async function send(path: string, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { credentials: 'same-origin', headers: headersOf(), ...init })
  } catch (err) {
    throw new Offline(err)
  }
}

/** Sends JSON to a route that is no action, and leaves the answer to the caller. */
export async function post(path: string, body: unknown, signal: AbortSignal): Promise<Response> {
  const response = await send(path, { method: 'POST', headers: { ...headersOf(), 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal })
  if (response.status === 401) toLogin()
  return response
}

/** Leaves for the login page, to come back here. */
export function toLogin(): void {
  const here = location.pathname + location.search
  location.assign(`/auth/login?redirect_uri=${encodeURIComponent(here)}`)
}

export async function logout(): Promise<void> {
  await send('/auth/logout', { method: 'POST' })
  location.assign('/auth/login')
}

/**
 * Asks the house for an action. Throws Trouble for a problem, Unconfirmed with the inventory of
 * what would be destroyed, Waiting when a person must approve, Offline when nobody answered.
 */
export async function act<A extends ActionName>(action: A, input: Input<A>, confirm?: Confirmation, signal?: AbortSignal): Promise<Output<A>> {
  const headers = headersOf()
  if (confirm) headers['Holdfast-Confirm'] = `${confirm.token}; ${confirm.categories.join(', ')}`
  const path = `/api/v1/${action.replace('.', '/')}`
  let answer
  try {
    answer = await client.POST(path, { body: input as never, headers, parseAs: 'text', signal: signal ?? null })
  } catch (err) {
    if (signal?.aborted) throw err
    throw new Offline(err)
  }
  const { response } = answer
  if (response.status === 202) throw new Waiting(waitingId(answer.data))
  if (response.ok) return parse(answer.data) as Output<A>
  throw refusal(response, answer.error)
}

const parse = (text: unknown): unknown => (typeof text === 'string' && text !== '' ? JSON.parse(text) : {})

function waitingId(data: unknown): string {
  return (parse(data) as ProblemDocument).approval ?? ''
}

function refusal(response: Response, body: unknown): Error {
  const problem = asProblem(response, body)
  // The front door answers for a house that is away.
  if (response.status >= 502 && response.status <= 504 && !problem.code) return new Offline(problem.title)
  if (response.status === 401) toLogin()
  if (response.status === 409 && problem.inventory) return new Unconfirmed(problem.inventory as Inventory, problem)
  return new Trouble(response.status, problem)
}

async function trouble(response: Response): Promise<Trouble> {
  return new Trouble(response.status, asProblem(response, await response.text()))
}

function asProblem(response: Response, body: unknown): ProblemDocument {
  if (body && typeof body === 'object') return body as ProblemDocument
  try {
    const read: unknown = JSON.parse(String(body))
    if (read && typeof read === 'object') return read as ProblemDocument
  } catch {
    // Not JSON: a proxy's page or nothing; the status speaks for it.
  }
  return { title: `The house answered ${response.status} ${response.statusText}`.trim() }
}
