// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { layout, related, step, type GraphUnit, type Measures } from './graph.ts'

const m: Measures = { width: 700, nodeWidth: 160, nodeHeight: 50, gapX: 20, gapY: 40, apart: 40 }
const at = (units: GraphUnit[], measures = m) => {
  const drawn = layout(units, measures)
  return { ...drawn, node: (name: string) => drawn.nodes.find((n) => n.name === name)! }
}

const shop: GraphUnit[] = [
  { name: 'db' }, { name: 'cache' }, { name: 'api', needs: ['db', 'cache'] }, { name: 'ui', needs: ['api', 'db'] }, { name: 'cron' },
]

function overlaps(units: GraphUnit[], measures: Measures): string[] {
  const { nodes } = layout(units, measures)
  const found: string[] = []
  for (const [i, a] of nodes.entries()) {
    for (const b of nodes.slice(i + 1)) {
      if (Math.abs(a.x - b.x) < measures.nodeWidth && Math.abs(a.y - b.y) < measures.nodeHeight) found.push(`${a.name} on ${b.name}`)
    }
  }
  return found
}

test('a unit stands below all that it needs, and lines lead there', () => {
  const { node, edges } = at(shop)
  expect(node('api').y).toBeGreaterThan(node('db').y)
  expect(node('ui').y).toBeGreaterThan(node('api').y)
  expect(edges.map((e) => `${e.from}→${e.to}`).sort()).toEqual(['api→ui', 'cache→api', 'db→api', 'db→ui'])
  expect(edges.every((e) => /^M[\d.]+ [\d.]+C/.test(e.path) && !e.circle)).toBe(true)
  expect(node('db').neededBy).toEqual(['api', 'ui'])
})

test('nothing overlaps and nothing is wider than the page, hundreds of units on a phone included', () => {
  const many: GraphUnit[] = Array.from({ length: 500 }, (_, i) => ({ name: `u${i}`, needs: i < 20 ? [] : [`u${i % 20}`, `u${Math.floor(i / 3)}`] }))
  for (const width of [350, 700, 1200]) {
    const drawn = layout(many, { ...m, width })
    expect(drawn.nodes).toHaveLength(500)
    expect(drawn.width).toBeLessThanOrEqual(width)
    expect(overlaps(many.slice(0, 120), { ...m, width })).toEqual([])
  }
  expect(overlaps(shop, m)).toEqual([])
})

test('where a layer is broken, lines run beside the rows and not behind them', () => {
  const wide: GraphUnit[] = [{ name: 'db' }, ...Array.from({ length: 12 }, (_, i) => ({ name: `w${String(i).padStart(2, '0')}`, needs: ['db'] }))]
  const { edges, nodes } = at(wide)
  const least = Math.min(...nodes.map((n) => n.x))
  for (const e of edges.filter((edge) => edge.path.includes('q'))) {
    const down = /H([\d.]+)q-5 0 -5 5V/.exec(e.path)
    expect(Number(down?.[1]) - 5).toBeLessThan(least)
  }
  expect(edges.filter((e) => e.path.includes('q')).length).toBe(12 - nodes.filter((n) => n.y === m.nodeHeight + m.gapY).length)
})

test('units that need nobody stand together without lines', () => {
  const drawn = layout(Array.from({ length: 9 }, (_, i) => ({ name: `solo${i}` })), m)
  expect(drawn.edges).toEqual([])
  expect(new Set(drawn.nodes.map((n) => n.y)).size).toBe(3)
})

test('a circle is drawn and marked, not followed for ever', () => {
  const { edges, nodes } = at([{ name: 'a', needs: ['b'] }, { name: 'b', needs: ['c'] }, { name: 'c', needs: ['a'] }])
  expect(nodes).toHaveLength(3)
  expect(edges.filter((e) => e.circle)).toHaveLength(1)
})

test('a need that nobody declares is shown as missing', () => {
  const { node } = at([{ name: 'a', needs: ['ghost'] }])
  expect(node('ghost').missing).toBe(true)
  expect(node('a').missing).toBe(false)
})

test('a chain of thousands does not overflow the stack', () => {
  const chain = Array.from({ length: 3000 }, (_, i) => ({ name: `n${String(i).padStart(4, '0')}`, needs: i > 0 ? [`n${String(i - 1).padStart(4, '0')}`] : [] }))
  expect(layout(chain, m).nodes.find((n) => n.name === 'n2999')?.layer).toBe(2999)
})

test('what is related is everything above and below, not beside', () => {
  const { nodes } = at([...shop, { name: 'report', needs: ['db'] }])
  expect([...related(nodes, 'api')].sort()).toEqual(['api', 'cache', 'db', 'ui'])
  expect([...related(nodes, 'cron')]).toEqual(['cron'])
})

test('arrow keys lead to needs and back, and along a row', () => {
  const { nodes, node } = at(shop)
  expect(step(nodes, 'api', 'ArrowDown')).toBe('ui')
  expect(['db', 'cache']).toContain(step(nodes, 'api', 'ArrowUp'))
  const [left, right] = node('db').x < node('cache').x ? ['db', 'cache'] : ['cache', 'db']
  expect(step(nodes, left!, 'ArrowRight')).toBe(right)
  expect(step(nodes, right!, 'ArrowLeft')).toBe(left)
  expect(step(nodes, left!, 'ArrowUp')).toBeUndefined()
})
