// SPDX-License-Identifier: Apache-2.0
import { useSyncExternalStore } from 'react'

import { exact, span } from '../lib/format.ts'

const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined
let now = Date.now()

function subscribe(tell: () => void): () => void {
  listeners.add(tell)
  now = Date.now()
  timer ??= setInterval(() => {
    now = Date.now()
    for (const each of listeners) each()
  }, 1_000)
  return () => {
    listeners.delete(tell)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** The time, every second: one clock for all who look at it. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now)

/** How long something lasts already, exact on hover. */
export function Since({ at }: { at: string }) {
  const seconds = (useNow() - Date.parse(at)) / 1000
  return <time dateTime={at} title={`since ${exact(new Date(at))}`} className="nowrap">{span(seconds)}</time>
}
