// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { readLine } from './logline.ts'

test('a time at the beginning of a line is told apart', () => {
  const line = readLine('2026-11-20T12:00:00.25Z stderr ERROR no such note')
  expect(line.at?.toISOString()).toBe('2026-11-20T12:00:00.250Z')
  expect(line.text).toBe('ERROR no such note')
  expect(line.tone).toBe('bad')
})

test('the form of Python\'s logging is read too', () => {
  expect(readLine('2026-11-20 12:00:00,250 WARNING slow').at?.getMilliseconds()).toBe(250)
  expect(readLine('2026-11-20 12:00:00,250 WARNING slow').tone).toBe('warn')
})

test('a line without a time stays as it is, without its colours', () => {
  expect(readLine('\u001b[32mlistening\u001b[0m on 5300')).toEqual({ at: undefined, tone: 'plain', text: 'listening on 5300' })
  expect(readLine('2026-99-99T99:99:99Z x').text).toBe('2026-99-99T99:99:99Z x')
})
