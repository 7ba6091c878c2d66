// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { errorOf, nothingYet, requestOf, splitter, take } from './chatstream.ts'

const split = (...parts: string[]): string[] => {
  const seen: string[] = []
  const feed = splitter((data) => seen.push(data))
  for (const part of parts) feed(part)
  return seen
}

test('events are whole however the text is cut', () => {
  const stream = ': hello\n\ndata: {"a":1}\n\nevent: x\ndata: one\ndata: two\r\n\r\ndata:[DONE]\n\n'
  const want = ['{"a":1}', 'one\ntwo', '[DONE]']
  expect(split(stream)).toEqual(want)
  expect(split(...stream)).toEqual(want)
  for (let at = 0; at <= stream.length; at++) expect(split(stream.slice(0, at), stream.slice(at))).toEqual(want)
})

test('an event without its end is none', () => {
  expect(split('data: half')).toEqual([])
  expect(split('data: half\n')).toEqual([])
})

test('an answer grows by its events', () => {
  const events = [
    '{"choices":[{"delta":{"role":"assistant","content":""}}]}', '{"choices":[{"delta":{"reasoning_content":"hm"}}]}',
    '{"choices":[{"delta":{"content":"Good "}}]}', '{"choices":[{"delta":{"content":"day"}}]}',
    '{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"NOTES_add","arguments":""}}]}}]}', '{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}',
    '{"choices":[{"delta":{},"finish_reason":"stop"}]}',
    '{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}', '[DONE]',
  ]
  expect(events.reduce(take, nothingYet)).toEqual({ text: 'Good day', reasoning: 'hm', tools: ['NOTES_add'], finish: 'stop', ended: true, usage: { input: 12, output: 5, cached: 4, reasoning: 2 } })
})

test('an error in the middle is told, and what came before stays', () => {
  const answer = ['{"choices":[{"delta":{"content":"Half"}}]}', '{"error":{"message":"it broke off","code":"upstream_cut"}}'].reduce(take, nothingYet)
  expect(answer).toMatchObject({ text: 'Half', ended: false, error: { message: 'it broke off', code: 'upstream_cut' } })
})

test('nonsense changes nothing', () => {
  for (const data of ['', 'null', '7', '"x"', '{', '[]', '{"choices":[null]}', '{"choices":[{"delta":{"content":7}}]}']) expect(take(nothingYet, data)).toEqual(nothingYet)
})

test('an error says what it can', () => {
  expect(errorOf({ error: { message: 'no', code: 'x', reason: 'breaker_halt', param: 'model' } })).toEqual({ message: 'no', code: 'breaker_halt', param: 'model' })
  expect(errorOf(undefined)).toEqual({ message: 'the house gave no reason' })
})

test('a request leaves out what is not set', () => {
  expect(requestOf('chat', ' ', [{ role: 'user', content: 'hi' }], '')).toEqual({ model: 'chat', stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: 'hi' }] })
  expect(requestOf('chat', 'be brief', [], '40')).toMatchObject({ max_tokens: 40, messages: [{ role: 'system', content: 'be brief' }] })
  expect(requestOf('chat', '', [], '-3')).not.toHaveProperty('max_tokens')
})
