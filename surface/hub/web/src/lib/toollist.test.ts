// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { arrangeTools, errorRate, findTools } from './toollist.ts'

const tool = (name: string, source: string, calls = 0, errors = 0, last_used = '0001-01-01T00:00:00Z') => ({ name, source, summary: `does ${name}`, calls, errors, last_used })
const tools = [tool('unit_list', 'house', 9), tool('zap', 'extension b', 4, 4, '2026-11-20T00:00:00Z'), tool('add', 'extension b', 40, 1, '2026-11-21T00:00:00Z'), tool('find', 'extension a')]
const names = (items: ReturnType<typeof arrangeTools>) => items.map((i) => (i.kind === 'source' ? `${i.name} (${i.count})` : (i.tool as { name: string }).name))

test('sources stand by name, the house last', () => {
  expect(names(arrangeTools(tools, 'source', new Set()))).toEqual(['extension a (1)', 'find', 'extension b (2)', 'add', 'zap', 'house (1)', 'unit_list'])
  expect(names(arrangeTools(tools, 'source', new Set(['extension b', 'house'])))).toEqual(['extension a (1)', 'find', 'extension b (2)', 'house (1)'])
})

test('other orders know no sources', () => {
  expect(names(arrangeTools(tools, 'used', new Set()))).toEqual(['add', 'unit_list', 'zap', 'find'])
  expect(names(arrangeTools(tools, 'failing', new Set()))).toEqual(['zap', 'add', 'find', 'unit_list'])
  expect(names(arrangeTools(tools, 'last', new Set()))).toEqual(['add', 'zap', 'find', 'unit_list'])
})

test('all words have to fit', () => {
  expect(findTools(tools, ' B do ').map((t) => t.name)).toEqual(['zap', 'add'])
  expect(findTools(tools, 'add zap')).toEqual([])
  expect(findTools(tools, '')).toBe(tools)
})

test('an error rate is a share', () => {
  expect([errorRate({ calls: 0, errors: 0 }), errorRate({ calls: 4, errors: 1 }), errorRate({ calls: 1, errors: 3 })]).toEqual([0, 0.25, 1])
})
