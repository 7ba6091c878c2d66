// SPDX-License-Identifier: Apache-2.0
import { memo, useCallback, useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react'

import type { Unit } from '../api/words.ts'
import { layout, related, step, type Arrow, type GraphNode, type Measures } from '../lib/graph.ts'
import { Card, Empty } from '../ui/parts.tsx'
import { StateIcon } from '../ui/stateicon.tsx'

const wide: Omit<Measures, 'width'> = { nodeWidth: 176, nodeHeight: 48, gapX: 18, gapY: 42, apart: 34 }
const narrow: Omit<Measures, 'width'> = { nodeWidth: 138, nodeHeight: 48, gapX: 12, gapY: 38, apart: 26 }
const narrowBelow = 520

/** The width of the element in ref, as it changes. */
function useWidth(ref: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const el = ref.current
    if (!el) return
    const look = () => setWidth(Math.floor(el.clientWidth))
    look()
    const resize = new ResizeObserver(look)
    resize.observe(el)
    return () => resize.disconnect()
  }, [ref])
  return width
}

/** Those units, and all that they need or that needs them. */
function withRelated(all: Unit[], wanted: Set<string>): Unit[] {
  if (wanted.size === all.length) return all
  const { nodes } = layout(all, { ...wide, width: 10_000 })
  const keep = new Set<string>()
  for (const name of wanted) for (const other of related(nodes, name)) keep.add(other)
  return all.filter((u) => keep.has(u.name))
}

/** What needs what: a unit stands below all that it needs. */
export function Graph({ units, fitting, onOpen }: { units: Unit[]; fitting: Unit[]; onOpen: (name: string) => void }) {
  const box = useRef<HTMLDivElement>(null)
  const width = useWidth(box)
  // Only names and needs make the drawing; states come and go without moving it.
  const key = JSON.stringify(units.map((u) => [u.name, u.needs ?? []]))
  const chosen = JSON.stringify(fitting.map((u) => u.name))
  const drawn = useMemo(() => {
    if (width === 0) return undefined
    const shown = withRelated(units, new Set(JSON.parse(chosen) as string[]))
    return layout(shown.map((u) => ({ name: u.name, needs: u.needs ?? [] })), { ...(width < narrowBelow ? narrow : wide), width })
    // key stands for units.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [key, chosen, width])
  const measures = width < narrowBelow ? narrow : wide
  const byName = useMemo(() => new Map(units.map((u) => [u.name, u])), [units])
  const [focus, setFocus] = useState<string>()
  const [point, setPoint] = useState<string>()
  const nodes = drawn?.nodes ?? []
  const stop = nodes.some((n) => n.name === focus) ? focus : nodes[0]?.name
  const about = point ?? focus
  const lit = useMemo(() => (about && drawn?.nodes.some((n) => n.name === about) ? related(drawn.nodes, about) : undefined), [about, drawn])
  const onKey = (e: KeyboardEvent) => {
    if (!e.key.startsWith('Arrow') || !stop) return
    e.preventDefault()
    const next = step(nodes, stop, e.key as Arrow)
    if (!next) return
    const el = box.current?.querySelector<HTMLElement>(`[data-unit="${CSS.escape(next)}"]`)
    el?.focus()
    el?.scrollIntoView({ block: 'nearest' })
  }
  const onEnter = useCallback((name: string | undefined) => setPoint(name), [])
  const onFocus = useCallback((name: string | undefined) => setFocus(name), [])
  const links = drawn?.edges.length ?? 0
  return (
    <Card>
      <p className="soft small graph-about">{links === 0 ? 'No unit needs another.' : 'A unit starts after what stands above it and leads to it. Arrow keys walk along the lines; Enter opens a unit.'}</p>
      <div ref={box} className="graph-box">
        {drawn && nodes.length === 0 && <Empty title="No unit fits">Change the filter to see more.</Empty>}
        {drawn && nodes.length > 0 && (
          <div className="graph" style={{ width: drawn.width, height: drawn.height }} role="group" aria-label={`${nodes.length} units and ${links} needs`} onKeyDown={onKey}>
            <svg className="graph-lines" width={drawn.width} height={drawn.height} aria-hidden="true">
              {drawn.edges.map((e) => (
                <path key={`${e.from} ${e.to}`} d={e.path} className={`${lit ? (lit.has(e.from) && lit.has(e.to) ? 'lit' : 'unlit') : ''} ${e.circle ? 'circle' : ''}`} />
              ))}
            </svg>
            {nodes.map((n) => (
              <NodeButton
                key={n.name} node={n} state={n.missing ? 'missing' : (byName.get(n.name)?.state ?? 'stopped')} measures={measures}
                dim={!!lit && !lit.has(n.name)} stop={n.name === stop} onOpen={onOpen} onEnter={onEnter} onFocus={onFocus}
              />
            ))}
          </div>
        )}
      </div>
    </Card>
  )
}

interface NodeProps {
  node: GraphNode
  state: string
  measures: Omit<Measures, 'width'>
  dim: boolean
  /** It is where Tab stops. */
  stop: boolean
  onOpen: (name: string) => void
  onEnter: (name: string | undefined) => void
  onFocus: (name: string | undefined) => void
}

/** What the lines show, for who does not see them. */
function linked(node: GraphNode): string {
  const list = (names: string[]) => (names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', '))
  return [node.needs.length > 0 && `needs ${list(node.needs)}`, node.neededBy.length > 0 && `needed by ${list(node.neededBy)}`].filter(Boolean).join('; ')
}

const NodeButton = memo(function NodeButton({ node, state, measures, dim, stop, onOpen, onEnter, onFocus }: NodeProps) {
  return (
    <button
      type="button" className={`graph-node ${dim ? 'dim-node' : ''} ${node.missing ? 'missing' : ''}`} data-unit={node.name} data-state={state} tabIndex={stop ? 0 : -1}
      style={{ left: node.x, top: node.y, width: measures.nodeWidth, height: measures.nodeHeight }}
      title={node.name}
      onClick={() => onOpen(node.name)} onFocus={() => onFocus(node.name)} onBlur={() => onFocus(undefined)}
      onPointerEnter={(e) => e.pointerType === 'mouse' && onEnter(node.name)} onPointerLeave={() => onEnter(undefined)}
    >
      <StateIcon state={state} size={16} />
      <span className="grow">
        <span className="graph-name clip">{node.name}</span>
        <span className="graph-state">{state === 'missing' ? 'not declared' : state}</span>
        <span className="sr">{linked(node)}</span>
      </span>
    </button>
  )
})
