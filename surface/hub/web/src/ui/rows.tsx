// SPDX-License-Identifier: Apache-2.0
import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { useLayoutEffect, useRef, useState, type ReactNode } from 'react'

interface Props<T> {
  items: T[]
  keyOf: (item: T) => string
  /** About how high a row is, until it is measured. */
  height: (item: T) => number
  label: string
  children: (item: T) => ReactNode
}

/** A list of which only the rows in sight are in the document, however many there are. */
export function Rows<T>({ items, keyOf, height, label, children }: Props<T>) {
  const box = useRef<HTMLUListElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => {
    const look = () => setTop(box.current ? box.current.getBoundingClientRect().top + window.scrollY : 0)
    look()
    // What stands above may grow or go.
    const watcher = new ResizeObserver(look)
    watcher.observe(document.body)
    return () => watcher.disconnect()
  }, [])
  const virtual = useWindowVirtualizer({
    count: items.length, estimateSize: (i) => height(items[i]!), overscan: 8, scrollMargin: top, getItemKey: (i) => (items[i] ? keyOf(items[i]) : i),
  })
  return (
    <ul ref={box} className="rows" aria-label={label} style={{ height: virtual.getTotalSize() }}>
      {virtual.getVirtualItems().map((row) => {
        const item = items[row.index]
        if (item === undefined) return null
        return (
          <li key={row.key} data-index={row.index} ref={virtual.measureElement} aria-setsize={items.length} aria-posinset={row.index + 1} style={{ transform: `translateY(${row.start - top}px)` }}>
            {children(item)}
          </li>
        )
      })}
    </ul>
  )
}
