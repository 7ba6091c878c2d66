// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { csvOf, dollarsExact } from './csv.ts'

test('a table is written so that every reader finds the same cells', () => {
  expect(csvOf(['name', 'tokens'], [['a, "b"\nc', 12], ['', null], [undefined, true]])).toBe('name,tokens\r\n"a, ""b""\nc",12\r\n,\r\n,true\r\n')
})

test('no name becomes a formula', () => {
  for (const name of ['=1+1', '+1', '-1', '@x', '\tx']) expect(csvOf(['n'], [[name]]).split('\r\n')[1]).toBe(`'${name}`)
  expect(csvOf(['n'], [['=a,"b"']]).split('\r\n')[1]).toBe('"\'=a,""b"""')
  expect(csvOf(['n'], [[-5]]).split('\r\n')[1]).toBe('-5')
})

test('money is exact', () => {
  expect([0, 1, 1_500_000_000, 12_345_678_901, -2_000_000_000, null].map(dollarsExact)).toEqual(['0', '0.000000001', '1.5', '12.345678901', '-2', ''])
})
