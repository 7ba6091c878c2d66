// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { arrange, found, nextSort, type Item } from './unitlist.ts'

const unit = (name: string, owner: string, state: string, more = {}) => ({ name, owner, state, since: '2026-01-01T00:00:00Z', restarts: 0, ...more })
const units = [unit('w10', 'config', 'ready'), unit('w9', 'config', 'failed', { restarts: 7, since: '2026-01-02T00:00:00Z' }), unit('edge', 'house', 'running', { port: 8443 }), unit('old', 'house', 'held')]
const used = new Map([['edge', { cpu: 0.5, memory: 10 }], ['w10', { cpu: 0.1, memory: 90 }]])
const text = (items: Item<{ name: string }>[]) => items.map((i) => (i.kind === 'unit' ? i.unit.name : `[${i.name} ${i.up}/${i.count}]`)).join(' ')
const none = new Set<string>()

test('names are sorted as people count', () => {
  expect(text(arrange(units, used, 'none', { key: 'name', down: false }, none))).toBe('edge old w9 w10')
  expect(text(arrange(units, used, 'none', { key: 'name', down: true }, none))).toBe('w10 w9 old edge')
})

test('figures begin with the largest, and what has none comes last', () => {
  expect(text(arrange(units, used, 'none', { key: 'cpu', down: true }, none))).toBe('edge w10 old w9')
  expect(text(arrange(units, used, 'none', { key: 'memory', down: true }, none))).toBe('w10 edge old w9')
  expect(text(arrange(units, used, 'none', { key: 'restarts', down: true }, none))).toBe('w9 edge old w10')
  expect(text(arrange(units, used, 'none', { key: 'since', down: true }, none))).toBe('edge old w10 w9')
})

test('trouble stands before what is well', () => {
  expect(text(arrange(units, used, 'none', { key: 'state', down: false }, none))).toBe('w9 w10 edge old')
  expect(text(arrange(units, used, 'state', { key: 'name', down: false }, none))).toBe('[failed 0/1] w9 [ready 1/1] w10 [running 1/1] edge [held 0/1] old')
})

test('groups count, and a closed one shows only its head', () => {
  expect(text(arrange(units, used, 'owner', { key: 'name', down: false }, none))).toBe('[config 1/2] w9 w10 [house 1/2] edge old')
  expect(text(arrange(units, used, 'owner', { key: 'name', down: false }, new Set(['config'])))).toBe('[config 1/2] [house 1/2] edge old')
})

test('pressing a head again turns the order', () => {
  expect(nextSort({ key: 'name', down: false }, 'cpu')).toEqual({ key: 'cpu', down: true })
  expect(nextSort({ key: 'cpu', down: true }, 'cpu')).toEqual({ key: 'cpu', down: false })
  expect(nextSort({ key: 'cpu', down: true }, 'name')).toEqual({ key: 'name', down: false })
})

test('every word must be found somewhere', () => {
  expect(units.filter((u) => found(u, 'HOUSE running')).map((u) => u.name)).toEqual(['edge'])
  expect(units.filter((u) => found(u, '8443')).map((u) => u.name)).toEqual(['edge'])
  expect(units.filter((u) => found(u, '')).length).toBe(4)
  expect(units.filter((u) => found(u, 'nowhere'))).toEqual([])
})
