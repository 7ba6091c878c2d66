// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { counted, onlyPicked, readConfig, stands, withOnly, withTool } from './selection.ts'

const add = { name: 'notes_add', enabled_in_mcp: true, passthrough: false }
const find = { name: 'search_2', own_name: 'search', enabled_in_mcp: true, passthrough: true }
const gone = { name: 'gone', enabled_in_mcp: false, passthrough: false }
const all = [add, find, gone]

test('what is not said is inherited, the star goes before it, a name before the star', () => {
  expect(all.map((t) => stands({}, t, 'enabled_in_mcp'))).toEqual([true, true, false])
  expect(all.map((t) => stands({ '*': { enabled_in_mcp: false }, search: { enabled_in_mcp: true } }, t, 'enabled_in_mcp'))).toEqual([false, true, false])
  expect(stands({ search: { passthrough: false }, search_2: { passthrough: true } }, find, 'passthrough')).toBe(true)
})

test('a switch is written only where it says something', () => {
  const off = withTool({}, add, 'enabled_in_mcp', false)
  expect(off).toEqual({ notes_add: { enabled_in_mcp: false } })
  expect(withTool(off, add, 'enabled_in_mcp', true)).toEqual({})
  expect(withTool({ notes_add: { passthrough: true } }, add, 'enabled_in_mcp', false)).toEqual({ notes_add: { passthrough: true, enabled_in_mcp: false } })
  expect(withTool({ search: { enabled_in_mcp: false } }, find, 'enabled_in_mcp', true)).toEqual({})
})

test('what is said of the own name of a remote tool takes from it, and stays for whose it is', () => {
  const far = { name: 'far_search', own_name: 'search', source: 'remote far', enabled_in_mcp: true, passthrough: false }
  expect(stands({ '*': { enabled_in_mcp: false }, search: { enabled_in_mcp: true } }, far, 'enabled_in_mcp')).toBe(false)
  expect(stands({ search: { passthrough: true } }, far, 'passthrough')).toBe(false)
  const off = { search: { enabled_in_mcp: false } }
  expect(stands(off, far, 'enabled_in_mcp')).toBe(false)
  expect(withTool(off, far, 'enabled_in_mcp', true)).toEqual({ ...off, far_search: { enabled_in_mcp: true } })
  expect(withTool({ search: { enabled_in_mcp: true } }, far, 'enabled_in_mcp', false)).toEqual({ search: { enabled_in_mcp: true }, far_search: { enabled_in_mcp: false } })
})

test('only those picked begins with those that were there', () => {
  const only = withOnly({}, true, all)
  expect(only).toEqual({ '*': { enabled_in_mcp: false }, notes_add: { enabled_in_mcp: true }, search_2: { enabled_in_mcp: true } })
  expect(onlyPicked(only)).toBe(true)
  expect(withOnly(only, true, all)).toBe(only)
  expect(counted(withTool(only, add, 'enabled_in_mcp', false), all)).toEqual({ on: 1, alone: 1 })
})

test('all again forgets what was picked, and keeps what else was said', () => {
  const only = { '*': { enabled_in_mcp: false, passthrough: false }, notes_add: { enabled_in_mcp: true, passthrough: true }, unknown: { enabled_in_mcp: true } }
  expect(withOnly(only, false, all)).toEqual({ '*': { passthrough: false }, notes_add: { passthrough: true } })
})

test('a selection is read as the house writes it, and what is none is empty', () => {
  expect(readConfig({ a: { enabled_in_mcp: true, passthrough: null }, '*': false, b: true, c: 'x' })).toEqual({ a: { enabled_in_mcp: true }, '*': { enabled_in_mcp: false }, b: { enabled_in_mcp: true } })
  for (const none of [null, undefined, 'x', [], 7]) expect(readConfig(none)).toEqual({})
})
