// SPDX-License-Identifier: Apache-2.0
import { useQueryClient } from '@tanstack/react-query'
import { createContext, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react'

import { keyed } from './client.ts'
import { follow, isPast, mergeNewest, touchedBy, type StreamState } from '../lib/stream.ts'
import type { Entry } from './words.ts'

interface Live {
  state: StreamState
  /** Entries that arrived while the page is open, newest first. */
  entries: Entry[]
}

const LiveContext = createContext<Live>({ state: 'connecting', entries: [] })

const kept = 500
const settle = 250
/** A repeated entry that is this much older than the page is history: nothing has to be asked again for it. */
const grace = 5_000

/** Follows the journal: the one live wire of the Hub. What an entry touches is asked again. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient()
  const [state, setState] = useState<StreamState>('connecting')
  const [entries, setEntries] = useState<Entry[]>([])
  const waiting = useRef(new Set<string>())

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let arrived: Entry[] = []
    let wasLive = false
    let received = 0
    const began = Date.now() - grace
    const flush = () => {
      timer = undefined
      const batch = arrived
      arrived = []
      setEntries((list) => mergeNewest(list, batch, kept))
      for (const action of waiting.current) void queries.invalidateQueries({ queryKey: [action] })
      waiting.current.clear()
    }
    const end = follow<Entry>({
      // The stream repeats the newest entry first, so that the page knows where it stands.
      url: () => keyed('/api/v1/journal/show/follow?limit=1'),
      onEvent: (entry) => {
        arrived.push(entry)
        if (isPast(received++, entry, began)) return
        for (const action of touchedBy(entry)) waiting.current.add(action)
        timer ??= setTimeout(flush, settle)
      },
      onState: (next) => {
        setState(next)
        // What happened while nobody listened is unknown: ask everything anew.
        if (next === 'live' && wasLive) void queries.invalidateQueries()
        if (next === 'live') wasLive = true
      },
    })
    return () => {
      clearTimeout(timer)
      end()
    }
  }, [queries])

  const live = useMemo(() => ({ state, entries }), [state, entries])
  return <LiveContext value={live}>{children}</LiveContext>
}

export const useLive = (): Live => useContext(LiveContext)

/** Follows a stream into a reducer for as long as the component is on the page. */
export function useStream<T, S>(url: string | undefined, reduce: (state: S, events: T[]) => S, initial: S): { value: S; state: StreamState } {
  const [value, setValue] = useState(initial)
  const [state, setState] = useState<StreamState>('connecting')
  const latest = useRef({ reduce, initial })
  useEffect(() => {
    latest.current = { reduce, initial }
  })

  useEffect(() => {
    setValue(latest.current.initial)
    if (!url) return
    let arrived: T[] = []
    let frame = 0
    let again = false
    const end = follow<T>({
      url: () => keyed(url),
      onEvent: (event) => {
        arrived.push(event)
        frame ||= requestAnimationFrame(() => {
          frame = 0
          const batch = arrived
          arrived = []
          setValue((old) => latest.current.reduce(old, batch))
        })
      },
      onState: (next) => {
        setState(next)
        // A stream that is opened anew repeats its beginning.
        if (next === 'reconnecting' || next === 'paused') again = true
        if (next === 'live' && again) {
          again = false
          arrived = []
          setValue(latest.current.initial)
        }
      },
    })
    return () => {
      cancelAnimationFrame(frame)
      end()
    }
  }, [url])

  return { value, state }
}
