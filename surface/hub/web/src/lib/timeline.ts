// SPDX-License-Identifier: Apache-2.0
import { isTime } from './format.ts'

/** The parts of a trace that a timeline is drawn from; seconds count from the request. */
export interface TraceLike<S, R> {
  started: string
  seconds: number
  state: string
  plan?: S[] | null
  tools?: R[] | null
}

interface StepLike {
  at: number
  seconds: number
  calls?: string[] | null
  error?: string
}

interface RunLike {
  id: string
  name: string
  at: number
  seconds: number
  status: string
}

export interface Bar<S extends StepLike, R extends RunLike> {
  key: string
  name: string
  from: number
  to: number
  state: string
  step?: S
  run?: R
}

export interface Timeline<S extends StepLike, R extends RunLike> {
  bars: Bar<S, R>[]
  /** How long all of it took, or takes until now. */
  length: number
  marks: number[]
}

/** What a request did, one bar a model call or tool call, in the order in which they began. */
export function timeline<S extends StepLike, R extends RunLike>(trace: TraceLike<S, R>, now: number): Timeline<S, R> {
  const running = trace.state === 'running'
  const passed = running && isTime(trace.started) ? Math.max(trace.seconds, (now - Date.parse(trace.started)) / 1000) : trace.seconds
  const bars: Bar<S, R>[] = (trace.plan ?? []).map((step, i) => ({ key: `step ${i}`, name: `Model call ${i + 1}`, from: step.at, to: step.at + step.seconds, state: step.error ? 'failed' : 'done', step }))
  for (const [i, run] of (trace.tools ?? []).entries()) {
    bars.push({ key: `run ${i}`, name: run.name, from: run.at, to: run.status === 'running' ? passed : run.at + run.seconds, state: run.status, run })
  }
  bars.sort((a, b) => a.from - b.from || a.to - b.to)
  const ends = Math.max(0, ...bars.map((b) => b.to))
  // What is under way is told when it has ended; until then only that something is.
  if (running && !bars.some((b) => b.state === 'running') && passed > ends) bars.push({ key: 'now', name: 'Under way', from: ends, to: passed, state: 'running' })
  const length = Math.max(passed, ends, 0.001)
  return { bars, length, marks: marksOf(length) }
}

/** Round seconds to measure by: at most five, and none at the very end. */
export function marksOf(length: number): number[] {
  const size = 10 ** Math.floor(Math.log10(length))
  const step = [size / 5, size / 2, size, 2 * size, 5 * size, 10 * size].find((s) => length / s <= 5) ?? size
  const marks: number[] = []
  for (let i = 1; i * step < length * 0.93; i++) marks.push(Number((i * step).toPrecision(6)))
  return marks
}

/** Seconds as a person reads them off a line: 0.0042 → "4.2 ms", 2.5 → "2.5 s", 75 → "1 min 15 s". */
export function took(seconds: number): string {
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(2))} ms`
  if (seconds < 60) return `${Number(seconds.toPrecision(seconds < 10 ? 2 : 3))} s`
  const minutes = Math.floor(seconds / 60)
  const rest = Math.round(seconds - minutes * 60)
  return rest === 60 ? `${minutes + 1} min` : rest > 0 ? `${minutes} min ${rest} s` : `${minutes} min`
}
