// SPDX-License-Identifier: Apache-2.0

/** A line of a log, taken apart. */
export interface LogLine {
  /** When it was written, if the line says so. */
  at: Date | undefined
  /** Whether it looks like trouble. */
  tone: 'plain' | 'warn' | 'bad'
  text: string
}

const stamp = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)\s+(?:(stdout|stderr)\s+)?/
const bad = /\b(?:ERROR|FATAL|CRITICAL|PANIC|Traceback|panic:|level=error)\b/
const warn = /\b(?:WARN|WARNING|level=warn)\b/
// Colours that programs write for a terminal.
// oxlint-disable-next-line no-control-regex
const colours = /\u001b\[[0-9;]*m/g

/** Reads one line as a unit or the log keeper wrote it. */
export function readLine(raw: string): LogLine {
  const line = raw.replace(colours, '')
  const match = stamp.exec(line)
  const at = match?.[1] ? new Date(match[1].replace(',', '.').replace(' ', 'T')) : undefined
  const known = at !== undefined && !Number.isNaN(at.getTime())
  const text = known && match ? line.slice(match[0].length) : line
  const tone = bad.test(text) ? 'bad' : warn.test(text) ? 'warn' : 'plain'
  return { at: known ? at : undefined, tone, text }
}
