// SPDX-License-Identifier: Apache-2.0

export interface Part<T> {
  rows: T[]
  page: number
  pages: number
}

/** One page of a list; a page that is no longer there is the last one. */
export function partOf<T>(list: T[], page: number, size: number): Part<T> {
  const pages = Math.max(1, Math.ceil(list.length / size))
  const now = Math.min(Math.max(0, page), pages - 1)
  return { rows: list.slice(now * size, (now + 1) * size), page: now, pages }
}

/** How many rows to ask for so that a page and the one after it are known: in few steps, so that paging on seldom asks anew. */
export function askFor(page: number, size: number, most: number): number {
  const step = size * 10
  return Math.min(most, Math.ceil(((page + 2) * size) / step) * step)
}
