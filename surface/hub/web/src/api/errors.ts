// SPDX-License-Identifier: Apache-2.0

/** One thing wrong with an input, and where. */
export interface Problem {
  file?: string
  line?: number
  column?: number
  field?: string
  message: string
  remedy?: string
  excerpt?: string
}

/** An RFC 9457 problem with what the house adds to it. */
export interface ProblemDocument {
  type?: string
  title?: string
  status?: number
  detail?: string
  code?: string
  problems?: Problem[]
  guard?: string
  reason?: string
  remedy?: string
  retry_after?: number
  inventory?: unknown
  approval?: string
}

export interface Item {
  id: string
  kind: string
  rows?: number
  bytes?: number
}

export interface Category {
  name: string
  summary: string
  returns: 'trash' | 'history' | 'never'
  production: boolean
  shared: boolean
  backup?: string
  items?: Item[] | null
}

export interface Inventory {
  action: string
  categories: Category[] | null
  token?: string
  expires?: string
}

export interface Confirmation {
  token: string
  categories: string[]
}

/** The house answered that it did not do it, and why. */
export class Trouble extends Error {
  readonly status: number
  readonly problem: ProblemDocument

  constructor(status: number, problem: ProblemDocument) {
    super(problem.detail ?? problem.reason ?? problem.title ?? `status ${status}`)
    this.name = 'Trouble'
    this.status = status
    this.problem = problem
  }
}

/** The first call of a destroying action: what it would destroy. */
export class Unconfirmed extends Trouble {
  readonly inventory: Inventory

  constructor(inventory: Inventory, problem: ProblemDocument) {
    super(409, problem)
    this.name = 'Unconfirmed'
    this.inventory = inventory
  }
}

/** The request waits for a person's approval. */
export class Waiting extends Error {
  readonly id: string

  constructor(id: string) {
    super(`waits for approval ${id}`)
    this.name = 'Waiting'
    this.id = id
  }
}

/** What of a trouble is not told at one of these fields of a form; nothing when all of it is. */
export function beside(error: unknown, fields: string[]): unknown {
  if (!(error instanceof Trouble)) return error
  const problems = error.problem.problems ?? []
  return problems.length > 0 && !error.problem.guard && problems.every((p) => p.field !== undefined && fields.includes(p.field)) ? undefined : error
}

/** Nobody answered. */
export class Offline extends Error {
  constructor(cause: unknown) {
    super('the house does not answer', { cause })
    this.name = 'Offline'
  }
}

const titles: Record<string, string> = {
  'bad-input': 'The house did not understand that',
  'not-found': 'There is no such thing',
  conflict: 'It stands otherwise by now',
  unavailable: 'Not available now',
  'unknown-caller': 'You are not logged in',
  // What the gateway says of a model call.
  model_not_found: 'There is no such model',
  breaker_halt: 'The breaker stands at HALT',
  breaker_blind: 'Nobody judges the burn',
  breaker_cap: 'It does not fit under a cap now',
  budget_exceeded: 'A budget does not allow it',
  key_not_allowed: 'The key is not for this model',
  key_rate_limited: 'Too many calls in a minute',
  cooling_down: 'All models of the chain rest',
  upstream_cut: 'The provider broke off',
  upstream_stalled: 'The provider fell silent',
  upstream_invalid: 'The provider sent what is no answer',
}

/** The headline of a trouble; its message, problems and remedy stand below it. */
export function troubleTitle(trouble: Trouble): string {
  const { guard, code, title } = trouble.problem
  if (guard) return `Refused by guard ${guard}`
  return titles[code ?? ''] ?? (trouble.status >= 500 ? 'That did not work' : (title ?? 'That did not work'))
}
