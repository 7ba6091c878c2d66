// SPDX-License-Identifier: Apache-2.0

/** A line of a log, taken apart. */
export interface LogLine {
  /** Counts up over all lines of one view. */
  id: number
  unit: string
  /** When it was written, if that is known. */
  at: Date | undefined
  stream: 'stdout' | 'stderr' | undefined
  /** Whether it looks like trouble. */
  tone: 'plain' | 'warn' | 'bad'
  text: string
}

const stamp = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)\s+(?:(stdout|stderr)\s+)?/
const bad = /\b(?:ERROR|FATAL|CRITICAL|PANIC|Traceback|panic:|level=error)\b/
const warn = /\b(?:WARN|WARNING|level=warn)\b/

// What a terminal would obey: colours and cursor moves (CSI), titles, links and clipboard (OSC, DCS,
// PM, APC, SOS), and the short forms.
// oxlint-disable-next-line no-control-regex
const escapes = /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)|\u001b[ -/]*[0-~]/g
// What would move or hide the text around it: controls, and marks that turn its direction.
// oxlint-disable-next-line no-control-regex
const hidden = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2060\u2066-\u2069\ufeff]/g

const picture = (c: string): string => {
  const code = c.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return code === 0x7f ? '\u2421' : `\u27e8${code.toString(16).padStart(2, '0')}\u27e9`
}

/** Makes a text harmless: what a terminal would obey is gone, what cannot be seen is drawn. */
export function neutral(raw: string): string {
  return raw.replace(/\r$/, '').replace(escapes, '').replace(hidden, picture)
}

/** One event of the stream of logs. */
export interface LogEntry {
  unit: string
  text: string
  at?: string | undefined
  stream?: string | undefined
}

const streamOf = (name: string | undefined): LogLine['stream'] => (name === 'stdout' || name === 'stderr' ? name : undefined)

function timeOf(text: string | undefined): Date | undefined {
  if (!text) return undefined
  const at = new Date(text.replace(',', '.').replace(' ', 'T'))
  return Number.isNaN(at.getTime()) || at.getUTCFullYear() < 1971 ? undefined : at
}

/** Reads one line as a unit or the log keeper wrote it. */
export function readLine(entry: LogEntry, id: number): LogLine {
  const line = neutral(entry.text)
  let [at, stream, text] = [timeOf(entry.at), streamOf(entry.stream), line]
  if (!at) {
    const match = stamp.exec(line)
    at = timeOf(match?.[1])
    if (at && match) [stream, text] = [stream ?? streamOf(match[2]), line.slice(match[0].length)]
  }
  const tone = bad.test(text) ? 'bad' : warn.test(text) ? 'warn' : 'plain'
  return { id, unit: entry.unit, at, stream, tone, text }
}

/** Appends lines as they come, keeping about the last limit: letting go of some each time costs too much. */
export function appendLines(old: LogLine[], events: LogEntry[], limit: number): LogLine[] {
  let id = (old.at(-1)?.id ?? 0) + 1
  const all = old.concat(events.map((e) => readLine(e, id++)))
  return all.length > limit * 1.1 ? all.slice(all.length - limit) : all
}

export interface Query {
  text: string
  /** The text is a regular expression. */
  pattern: boolean
  /** Upper and lower case differ. */
  exact: boolean
}

/** The text as a pattern, which it may be already. */
const patternOf = (text: string, pattern: boolean): string => (pattern ? text : text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))

/** The query as the house's grep takes it; empty for none. */
export function grepOf({ text, pattern, exact }: Query): string {
  if (text === '') return ''
  return (exact ? '' : '(?i)') + patternOf(text, pattern)
}

/** The query for marking what was found; undefined when there is none or this browser does not understand it. */
export function markerOf({ text, pattern, exact }: Query): RegExp | undefined {
  if (text === '') return undefined
  try {
    return new RegExp(patternOf(text, pattern), exact ? 'g' : 'gi')
  } catch {
    return undefined
  }
}

export interface Piece {
  text: string
  found: boolean
}

const piecesMost = 200

/** Cuts a line into what was found and what stands between. */
export function pieces(text: string, marker: RegExp | undefined): Piece[] {
  if (!marker) return [{ text, found: false }]
  const out: Piece[] = []
  let from = 0
  marker.lastIndex = 0
  for (const match of text.matchAll(marker)) {
    if (match[0] === '' || out.length >= piecesMost) continue
    if (match.index > from) out.push({ text: text.slice(from, match.index), found: false })
    out.push({ text: match[0], found: true })
    from = match.index + match[0].length
  }
  if (from < text.length || out.length === 0) out.push({ text: text.slice(from), found: false })
  return out
}

/** The lines in which something is found, by their place. */
export function matches(lines: LogLine[], marker: RegExp | undefined): number[] {
  if (!marker) return []
  const found: number[] = []
  for (const [i, line] of lines.entries()) {
    marker.lastIndex = 0
    if (marker.test(line.text)) found.push(i)
  }
  return found
}
