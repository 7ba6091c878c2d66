// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { formFields, formValue, type Schema } from './schemaform.ts'

const schema: Schema = {
  type: 'object',
  required: ['title', 'count'],
  $defs: { Colour: { type: 'string', enum: ['red', 'blue'], description: 'a colour' } },
  properties: {
    tags: { type: 'array', items: { type: 'string' } },
    title: { type: 'string', description: 'its title' },
    count: { type: ['integer', 'null'], minimum: 1, maximum: 9, default: 3 },
    colour: { $ref: '#/$defs/Colour' },
    limit: { anyOf: [{ type: 'number' }, { type: 'null' }], default: null },
    loud: { type: 'boolean', default: true },
    extra: { type: 'object', properties: {} },
  },
}

test('each kind of schema has its control, required fields come first', () => {
  expect(formFields(schema).map((f) => [f.name, f.control, f.required])).toEqual([
    ['title', 'text', true], ['count', 'integer', true], ['tags', 'lines', false], ['colour', 'choice', false],
    ['limit', 'number', false], ['loud', 'switch', false], ['extra', 'json', false],
  ])
})

test('defaults fill the form and empty optional fields are left out', () => {
  const { value, problems } = formValue(formFields(schema), { title: 'Hello' })
  expect(problems).toEqual([])
  expect(value).toEqual({ title: 'Hello', count: 3, loud: true })
})

test('every control is read by its type', () => {
  const draft = { title: 'a', count: '9', tags: 'x\n\n y ', colour: 'blue', limit: '0.5', loud: 'false', extra: '{"a":[1]}' }
  expect(formValue(formFields(schema), draft).value).toEqual({
    title: 'a', count: 9, tags: ['x', 'y'], colour: 'blue', limit: 0.5, loud: false, extra: { a: [1] },
  })
})

test('every problem is reported at once, by field', () => {
  const { problems } = formValue(formFields(schema), { count: '10', colour: 'green', limit: 'much', extra: '{' })
  expect(problems.map((p) => p.field)).toEqual(['title', 'count', 'colour', 'limit', 'extra'])
})

test('no schema and a schema that refers to itself are no trouble', () => {
  expect(formFields(null)).toEqual([])
  const loop: Schema = { type: 'object', $defs: { A: { $ref: '#/$defs/A' } }, properties: { a: { $ref: '#/$defs/A' } } }
  expect(formFields(loop)[0]?.control).toBe('json')
})
