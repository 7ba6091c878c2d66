// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { falls, launches, stretches, upShare, type Change } from './history.ts'

const t = (s: number) => new Date(s * 1000).toISOString()
const change = (at: number, from: string, to: string, more: Partial<Change> = {}): Change => ({ at: t(at), from, to, ...more })

const story = [
  change(100, 'stopped', 'starting', { launch: 'a', pid: 7 }), change(110, 'starting', 'ready', { launch: 'a', pid: 7 }),
  change(150, 'ready', 'backing-off', { detail: 'killed by signal 9' }), change(151, 'backing-off', 'starting', { launch: 'b', pid: 8 }),
  change(160, 'starting', 'ready', { launch: 'b', pid: 8 }), change(190, 'ready', 'stopping', { launch: 'b' }), change(191, 'stopping', 'held'),
]

test('states follow one another without a gap', () => {
  const list = stretches(story, 90_000, 200_000, 'held')
  expect(list.map((s) => s.state)).toEqual(['stopped', 'starting', 'ready', 'backing-off', 'starting', 'ready', 'stopping', 'held'])
  expect(list[0]).toMatchObject({ from: 90_000, to: 100_000 })
  expect(list.at(-1)).toMatchObject({ to: 200_000 })
  expect(list.every((s, i) => i === 0 || s.from === list[i - 1]!.to)).toBe(true)
  expect(upShare(list)).toBeCloseTo((40 + 30) / 110)
})

test('only what lies in the time is told', () => {
  const list = stretches(story, 120_000, 140_000, 'held')
  expect(list).toEqual([{ state: 'ready', from: 120_000, to: 140_000, detail: '' }])
  expect(upShare(list)).toBe(1)
})

// At 165 the clock went back by a minute.
const jumped = story.map((c, i) => (i < 5 ? c : { ...c, at: t(Date.parse(c.at) / 1000 - 60) }))

test('states end where the next begins, also when the clock went back', () => {
  const list = stretches(jumped, 90_000, 140_000, 'held')
  expect(list.map((s) => [s.state, s.to])).toEqual([['stopped', 100_000], ['starting', 110_000], ['ready', 130_000], ['stopping', 131_000], ['held', 140_000]])
})

test('launches keep their changes when the clock goes back', () => {
  expect(launches(jumped).map((l) => l.changes.map((c) => c.to))).toEqual(launches(story).map((l) => l.changes.map((c) => c.to)))
})

test('without a known change the unit stood as it stands', () => {
  expect(stretches([], 0, 10, 'ready')).toEqual([{ state: 'ready', from: 0, to: 10, detail: '' }])
  expect(upShare([])).toBe(0)
})

test('falls are what nobody asked for', () => {
  expect(falls(story)).toBe(1)
  expect(falls([change(1, 'running', 'starting', { detail: 'killed by signal KILL' })])).toBe(1)
  expect(falls([change(1, 'running', 'stopping'), change(2, 'stopping', 'starting'), change(3, 'held', 'starting')])).toBe(0)
})

test('changes are told by launch, newest first', () => {
  const list = launches(story)
  expect(list.map((l) => [l.launch, l.pid, l.changes.map((c) => c.to)])).toEqual([
    ['b', 8, ['held', 'stopping', 'ready', 'starting']],
    ['a', 7, ['backing-off', 'ready', 'starting']],
  ])
})
