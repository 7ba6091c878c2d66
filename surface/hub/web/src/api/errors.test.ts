// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { beside, Offline, Trouble } from './errors.ts'

const refused = (problems: { field?: string; message: string }[], more = {}) => new Trouble(400, { detail: 'x', problems, ...more })

test('a form tells what stands at none of its fields', () => {
  expect(beside(undefined, ['url'])).toBeUndefined()
  expect(beside(refused([{ field: 'url', message: 'no host' }]), ['url', 'name'])).toBeUndefined()
  for (const error of [
    refused([{ field: 'url', message: 'no host' }, { field: 'headers', message: 'too many' }]),
    refused([{ message: 'no host' }]),
    refused([]),
    refused([{ field: 'url', message: 'no' }], { guard: 'tier', reason: 'only an owner' }),
    new Offline('x'),
  ]) expect(beside(error, ['url', 'name'])).toBe(error)
})
