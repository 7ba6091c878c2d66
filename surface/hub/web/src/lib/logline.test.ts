// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { appendLines, grepOf, markerOf, matches, neutral, pieces, readLine } from './logline.ts'

const read = (line: string, more = {}) => readLine({ unit: 'u', text: line, ...more }, 1)

test('takes the time, the stream and the trouble from a line', () => {
  const line = read('2026-01-31T12:00:00.123456Z stderr ERROR: no such table')
  expect(line).toMatchObject({ at: new Date('2026-01-31T12:00:00.123Z'), stream: 'stderr', tone: 'bad', text: 'ERROR: no such table' })
  expect(read('2026-01-31 12:00:00,5 stdout WARN slow')).toMatchObject({ tone: 'warn', stream: 'stdout', text: 'WARN slow' })
})

test('what the house says of a line counts before what the line says', () => {
  const line = read('2020-01-01T00:00:00Z stdout mine', { at: '2026-01-31T12:00:00Z', stream: 'stderr' })
  expect(line).toMatchObject({ at: new Date('2026-01-31T12:00:00Z'), stream: 'stderr', text: '2020-01-01T00:00:00Z stdout mine' })
  expect(read('plain', { at: '0001-01-01T00:00:00Z', stream: 'nonsense' })).toMatchObject({ at: undefined, stream: undefined, text: 'plain' })
})

test('keeps a line without a known form as it is', () => {
  expect(read('plain text')).toMatchObject({ at: undefined, tone: 'plain', text: 'plain text' })
  expect(read('9999-99-99T99:99:99Z x').text).toBe('9999-99-99T99:99:99Z x')
  expect(read('terror and warnings')).toMatchObject({ tone: 'plain' })
})

test('no escape of a terminal comes through, whatever its form', () => {
  for (const [raw, want] of [
    ['\u001b[31mred\u001b[0m', 'red'], ['\u001b[2J\u001b[1;1Hgone?', 'gone?'], ['\u001b]0;title\u0007x', 'x'], ['\u001b]8;;http://evil\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['\u001b]52;c;aGk=\u0007clip', 'clip'], ['\u001bP1$r\u001b\\dcs', 'dcs'], ['\u001bc reset', ' reset'], ['\u009b31mc1', 'c1'], ['\u001b]0;never ends', ''],
    ['bell\u0007', 'bell\u2407'], ['a\rb', 'a\u240db'], ['line\r', 'line'], ['tab\tstays', 'tab\tstays'], ['\u0000', '\u2400'],
    ['user\u202egnp.exe', 'user\u27e8202e\u27e9gnp.exe'], ['zero\u200bwidth', 'zero\u27e8200b\u27e9width'], ['\u001b', '\u241b'], ['täglich 日本 🚢', 'täglich 日本 🚢'],
  ] as const) {
    expect(neutral(raw)).toBe(want)
    // oxlint-disable-next-line no-control-regex
    expect(neutral(raw)).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/)
  }
})

test('a buffer keeps the last lines and goes on counting', () => {
  let lines = appendLines([], [{ unit: 'u', text: '1' }, { unit: 'u', text: '2' }], 10)
  expect(lines.map((l) => l.id)).toEqual([1, 2])
  for (let i = 0; i < 100; i++) lines = appendLines(lines, [{ unit: 'u', text: String(i) }], 10)
  expect(lines.length).toBeLessThanOrEqual(11)
  expect(lines.at(-1)).toMatchObject({ id: 102, text: '99' })
  expect(lines.every((l, i) => i === 0 || l.id === lines[i - 1]!.id + 1)).toBe(true)
  expect(appendLines([], Array.from({ length: 50_000 }, (_, i) => ({ unit: 'u', text: String(i) })), 20_000)).toHaveLength(20_000)
})

test('a search is taken literally unless it is a pattern', () => {
  expect(grepOf({ text: 'a.b(', pattern: false, exact: false })).toBe('(?i)a\\.b\\(')
  expect(grepOf({ text: 'a.b', pattern: true, exact: true })).toBe('a.b')
  expect(grepOf({ text: '', pattern: true, exact: false })).toBe('')
  expect(markerOf({ text: '(', pattern: true, exact: false })).toBeUndefined()
  expect(markerOf({ text: '(', pattern: false, exact: false })?.test('a(b')).toBe(true)
})

test('what was found is cut out, all of it and nothing else', () => {
  const marker = markerOf({ text: 'to', pattern: false, exact: false })
  expect(pieces('To be or not to', marker)).toEqual([{ text: 'To', found: true }, { text: ' be or not ', found: false }, { text: 'to', found: true }])
  expect(pieces('nothing', undefined)).toEqual([{ text: 'nothing', found: false }])
  expect(pieces('', marker)).toEqual([{ text: '', found: false }])
  marker?.test('to')
  expect(pieces('to', marker)).toEqual([{ text: 'to', found: true }])
  const empty = markerOf({ text: 'x*', pattern: true, exact: false })
  expect(pieces('axxb', empty).map((p) => p.text).join('')).toBe('axxb')
  expect(pieces('a'.repeat(5000), markerOf({ text: 'a', pattern: false, exact: true })).map((p) => p.text).join('')).toBe('a'.repeat(5000))
})

test('finds the lines to step through', () => {
  const lines = appendLines([], ['one', 'two', 'ONE'].map((text) => ({ unit: 'u', text })), 10)
  expect(matches(lines, markerOf({ text: 'one', pattern: false, exact: false }))).toEqual([0, 2])
  expect(matches(lines, markerOf({ text: 'one', pattern: false, exact: true }))).toEqual([0])
  expect(matches(lines, undefined)).toEqual([])
})
