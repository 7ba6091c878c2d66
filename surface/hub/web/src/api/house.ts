// SPDX-License-Identifier: Apache-2.0
import { QueryClient, useMutation, useQuery, type UseQueryResult } from '@tanstack/react-query'
import { useCallback } from 'react'

import { confirmInventory } from '../ui/confirm.tsx'
import { say } from '../ui/toasts.tsx'
import { act, type ActionName, type Input, type Output } from './client.ts'
import { Offline, Trouble, troubleTitle, Unconfirmed, Waiting } from './errors.ts'

/** Reads are asked again when the journal names them, and no faster than this without it. */
export const refreshEvery = 15_000

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      refetchOnWindowFocus: true,
      retry: (count, err) => err instanceof Offline && count < 2,
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
})

interface ReadOptions {
  every?: number
  enabled?: boolean
}

/** The answer of a reading action, kept fresh by the journal. */
export function useRead<A extends ActionName>(action: A, input: Input<A>, options: ReadOptions = {}): UseQueryResult<Output<A>> {
  return useQuery({
    queryKey: [action, input],
    queryFn: ({ signal }) => act(action, input, undefined, signal),
    refetchInterval: options.every ?? false,
    enabled: options.enabled ?? true,
  })
}

/** Marks every query of these actions as stale; those on the page are asked again. */
export const refresh = (actions: Iterable<string>): void => {
  for (const action of actions) void queries.invalidateQueries({ queryKey: [action] })
}

interface ChangeOptions<A extends ActionName> {
  /** What the toast says when it is done. */
  done?: (output: Output<A>, input: Input<A>) => string
  /** Actions whose answers changed by it. */
  touches?: string[]
  /** Show trouble in place instead of in a toast. */
  inline?: boolean
}

/**
 * A changing action: shows the inventory and asks again when it destroys, says when it waits for
 * approval, and reports trouble in full. Resolves to undefined when nothing was done.
 */
export function useChange<A extends ActionName>(action: A, options: ChangeOptions<A> = {}) {
  const { done, touches, inline } = options
  const mutation = useMutation<Output<A> | undefined, Error, Input<A>>({
    mutationFn: async (input: Input<A>) => {
      try {
        return await act(action, input)
      } catch (err) {
        if (!(err instanceof Unconfirmed)) throw err
        return confirmThenAct(action, input, err)
      }
    },
    onSuccess: (output, input) => {
      if (output !== undefined && done) say({ tone: 'good', title: done(output, input) })
      refresh(touches ?? [])
    },
    onError: (err) => {
      if (!inline || err instanceof Waiting) sayTrouble(err)
      refresh(touches ?? [])
    },
  })
  const { mutateAsync } = mutation
  const run = useCallback((input: Input<A>) => mutateAsync(input).catch(() => undefined), [mutateAsync])
  return { run, busy: mutation.isPending, error: mutation.error, output: mutation.data as Output<A> | undefined, reset: mutation.reset }
}

/** Asks a person for each category; the world may change meanwhile, and then it is asked anew. */
async function confirmThenAct<A extends ActionName>(action: A, input: Input<A>, first: Unconfirmed): Promise<Output<A> | undefined> {
  let shown = first
  for (let round = 0; ; round++) {
    const confirmation = await confirmInventory(shown.inventory, round > 0 ? shown.message : undefined)
    if (!confirmation) return undefined
    try {
      return await act(action, input, confirmation)
    } catch (err) {
      if (!(err instanceof Unconfirmed)) throw err
      shown = err
    }
  }
}

/** Reports any failure of an action in a toast. */
export function sayTrouble(err: unknown): void {
  if (err instanceof Waiting) say({ tone: 'calm', title: `Waits for approval ${err.id}`, link: { to: '/approvals', text: 'Open approvals' } })
  else if (err instanceof Trouble) say({ tone: 'bad', title: troubleTitle(err), trouble: err })
  else say({ tone: 'bad', title: err instanceof Offline ? 'The house does not answer' : 'That did not work', text: err instanceof Error ? err.message : String(err) })
}
