// SPDX-License-Identifier: Apache-2.0

/** The part of JSON Schema that a form can be drawn from; whatever else there is becomes a JSON box. */
export interface Schema {
  type?: string | string[]
  title?: string
  description?: string
  default?: unknown
  enum?: unknown[]
  const?: unknown
  format?: string
  minimum?: number
  maximum?: number
  required?: string[]
  properties?: Record<string, Schema>
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  $ref?: string
  $defs?: Record<string, Schema>
  definitions?: Record<string, Schema>
  examples?: unknown[]
}

export type Control = 'text' | 'number' | 'integer' | 'switch' | 'choice' | 'lines' | 'json'

export interface FormField {
  name: string
  control: Control
  required: boolean
  help: string
  /** What the control shows at first. */
  initial: string
  choices: string[]
  /** The type of one line of a list. */
  item: 'text' | 'number'
  minimum?: number
  maximum?: number
}

export interface FormProblem {
  field: string
  message: string
}

/** The fields of an object schema, required ones first, otherwise in their order. */
export function formFields(schema: Schema | null | undefined): FormField[] {
  if (!schema) return []
  const root = resolve(schema, schema)
  const required = new Set(root.required ?? [])
  const fields = Object.entries(root.properties ?? {}).map(([name, raw]) => field(name, resolve(raw, schema), required.has(name)))
  return [...fields.filter((f) => f.required), ...fields.filter((f) => !f.required)]
}

function resolve(node: Schema, root: Schema, depth = 0): Schema {
  if (depth > 8) return {}
  if (node.$ref) {
    const name = node.$ref.split('/').pop() ?? ''
    const target = (root.$defs ?? root.definitions ?? {})[name]
    return target ? resolve({ ...target, description: node.description ?? target.description }, root, depth + 1) : {}
  }
  const options = (node.anyOf ?? node.oneOf)?.filter((o) => o.type !== 'null')
  if (options?.length === 1) {
    const { anyOf: _a, oneOf: _o, ...rest } = node
    return resolve({ ...options[0], ...rest }, root, depth + 1)
  }
  if (node.allOf?.length === 1) {
    const { allOf, ...rest } = node
    return resolve({ ...allOf[0], ...rest }, root, depth + 1)
  }
  return node
}

const typeOf = (s: Schema): string | undefined => (Array.isArray(s.type) ? s.type.filter((t) => t !== 'null')[0] : s.type)

function field(name: string, s: Schema, required: boolean): FormField {
  const control = controlOf(s)
  return {
    name, control, required,
    help: s.description ?? '',
    initial: initialText(control, s.default),
    choices: (s.enum ?? []).map(String),
    item: ['number', 'integer'].includes(typeOf(s.items ?? {}) ?? '') ? 'number' : 'text',
    ...(s.minimum === undefined ? {} : { minimum: s.minimum }),
    ...(s.maximum === undefined ? {} : { maximum: s.maximum }),
  }
}

function controlOf(s: Schema): Control {
  if (s.enum && s.enum.every((v) => typeof v === 'string' || typeof v === 'number')) return 'choice'
  switch (typeOf(s)) {
    case 'string': return 'text'
    case 'number': return 'number'
    case 'integer': return 'integer'
    case 'boolean': return 'switch'
    case 'array': return ['string', 'number', 'integer'].includes(typeOf(s.items ?? {}) ?? '') ? 'lines' : 'json'
    default: return 'json'
  }
}

function initialText(control: Control, value: unknown): string {
  if (value === undefined || value === null) return ''
  if (control === 'json') return JSON.stringify(value, null, 2)
  if (control === 'lines') return Array.isArray(value) ? value.join('\n') : ''
  return String(value)
}

/** Turns what stands in the controls into arguments; an empty optional field is left out. */
export function formValue(fields: FormField[], draft: Record<string, string>): { value: Record<string, unknown>; problems: FormProblem[] } {
  const value: Record<string, unknown> = {}
  const problems: FormProblem[] = []
  for (const f of fields) {
    const text = draft[f.name] ?? f.initial
    if (text.trim() === '') {
      if (f.required && f.control === 'text' && text !== '') value[f.name] = text
      else if (f.required && f.control === 'switch') value[f.name] = false
      else if (f.required) problems.push({ field: f.name, message: 'is required' })
      continue
    }
    const read = parse(f, text)
    if ('problem' in read) problems.push({ field: f.name, message: read.problem })
    else value[f.name] = read.value
  }
  return { value, problems }
}

type Read = { value: unknown } | { problem: string }

function parse(f: FormField, text: string): Read {
  switch (f.control) {
    case 'switch': return { value: text === 'true' }
    case 'number':
    case 'integer': return number(f, text)
    case 'lines': return lines(f, text)
    case 'json': return json(text)
    case 'choice':
      return f.choices.includes(text) ? { value: text } : { problem: `must be one of ${f.choices.join(', ')}` }
    default: return { value: text }
  }
}

function number(f: FormField, text: string): Read {
  const n = Number(text)
  if (!Number.isFinite(n)) return { problem: 'must be a number' }
  if (f.control === 'integer' && !Number.isInteger(n)) return { problem: 'must be a whole number' }
  if (f.minimum !== undefined && n < f.minimum) return { problem: `must be at least ${f.minimum}` }
  if (f.maximum !== undefined && n > f.maximum) return { problem: `must be at most ${f.maximum}` }
  return { value: n }
}

function lines(f: FormField, text: string): Read {
  const items = text.split('\n').map((l) => l.trim()).filter((l) => l !== '')
  if (f.item === 'text') return { value: items }
  const numbers = items.map(Number)
  return numbers.every(Number.isFinite) ? { value: numbers } : { problem: 'must be a number on each line' }
}

function json(text: string): Read {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (err) {
    return { problem: `must be JSON: ${err instanceof Error ? err.message : String(err)}` }
  }
}
