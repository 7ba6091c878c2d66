// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { createInput, draftOf, modelsOf, newDraft, problemsOf, updateInput } from './keyform.ts'

const key = { name: 'phone', owner: 'client:phone', models: ['chat', 'fast'], rpm: 60, expires: '2027-01-01T00:00:00Z' }

test('a new key says only what was filled in', () => {
  expect(createInput({ ...newDraft, name: ' phone ' })).toEqual({ name: 'phone' })
  expect(createInput({ name: 'p', owner: 'agent:a', tenant: 'acme', models: 'chat,  fast\nchat', rpm: '60', tpm: '0', expires: '30d' })).toEqual({ name: 'p', owner: 'agent:a', tenant: 'acme', models: ['chat', 'fast'], rpm: 60, expires: '30d' })
})

test('an unchanged draft changes nothing', () => {
  expect(updateInput(key, draftOf(key))).toBeUndefined()
  expect(updateInput(key, { ...draftOf(key), models: 'chat fast' })).toBeUndefined()
})

test('what was emptied is lifted, what was changed is sent', () => {
  expect(updateInput(key, { ...draftOf(key), models: '', rpm: '', tpm: '5000', expires: 'never' })).toEqual({ name: 'phone', models: ['*'], rpm: 0, tpm: 5000, expires: 'never' })
  expect(updateInput(key, { ...draftOf(key), owner: 'agent:b' })).toEqual({ name: 'phone', owner: 'agent:b' })
})

test('problems name their field', () => {
  expect(problemsOf({ ...newDraft, name: 'x' })).toEqual([])
  expect(problemsOf({ ...newDraft, rpm: '1.5', tpm: '-1', owner: 'me' }).map((p) => p.field)).toEqual(['name', 'rpm', 'tpm', 'owner'])
})

test('models are parted by commas and blanks', () => {
  expect(modelsOf(' a/b, c ,,d\te ')).toEqual(['a/b', 'c', 'd', 'e'])
  expect(modelsOf(' ')).toEqual([])
})
