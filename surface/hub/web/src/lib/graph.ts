// SPDX-License-Identifier: Apache-2.0
// Draws what needs what as layers: a unit stands below all that it needs. Layers wrap, so that the
// drawing is never wider than the page.

export interface GraphUnit {
  name: string
  needs?: string[] | null | undefined
}

export interface GraphNode {
  name: string
  x: number
  y: number
  layer: number
  /** Somebody needs it and nobody declares it. */
  missing: boolean
  needs: string[]
  neededBy: string[]
}

export interface GraphEdge {
  /** What is needed. */
  from: string
  /** Who needs it. */
  to: string
  path: string
  /** It closes a circle, so one of its ends stands the wrong way round. */
  circle: boolean
}

export interface Layout {
  nodes: GraphNode[]
  edges: GraphEdge[]
  width: number
  height: number
}

export interface Measures {
  width: number
  nodeWidth: number
  nodeHeight: number
  gapX: number
  gapY: number
  /** Space between drawings that have nothing to do with each other. */
  apart: number
}

interface Links {
  needs: Map<string, string[]>
  neededBy: Map<string, string[]>
  declared: Set<string>
}

function link(units: GraphUnit[]): Links {
  const links: Links = { needs: new Map(), neededBy: new Map(), declared: new Set(units.map((u) => u.name)) }
  const names = new Set(links.declared)
  for (const u of units) for (const need of u.needs ?? []) names.add(need)
  for (const name of [...names].sort()) {
    links.needs.set(name, [])
    links.neededBy.set(name, [])
  }
  for (const u of units) {
    for (const need of new Set(u.needs ?? [])) {
      links.needs.get(u.name)?.push(need)
      links.neededBy.get(need)?.push(u.name)
    }
  }
  return links
}

/** The layer of each name: one below the lowest of its needs. A need that closes a circle does not count. */
function layersOf(links: Links): { layer: Map<string, number>; circles: Set<string> } {
  const layer = new Map<string, number>()
  const circles = new Set<string>()
  const open = new Set<string>()
  for (const root of links.needs.keys()) {
    const path: { name: string; next: number; layer: number }[] = []
    const enter = (name: string) => {
      open.add(name)
      path.push({ name, next: 0, layer: 0 })
    }
    if (!layer.has(root)) enter(root)
    while (path.length > 0) {
      const top = path.at(-1)!
      const need = links.needs.get(top.name)?.[top.next]
      if (need === undefined) {
        layer.set(top.name, top.layer)
        open.delete(top.name)
        path.pop()
        continue
      }
      const known = layer.get(need)
      if (known === undefined && !open.has(need)) {
        enter(need)
        continue
      }
      top.next++
      if (known === undefined) circles.add(`${need}\n${top.name}`)
      else top.layer = Math.max(top.layer, known + 1)
    }
  }
  return { layer, circles }
}

/** Names that hang together, in order of name; those that stand alone last, as one group. */
function groups(links: Links): string[][] {
  const seen = new Set<string>()
  const found: string[][] = []
  const alone: string[] = []
  for (const start of links.needs.keys()) {
    if (seen.has(start)) continue
    seen.add(start)
    const group = [start]
    for (const name of group) {
      for (const other of [...(links.needs.get(name) ?? []), ...(links.neededBy.get(name) ?? [])]) {
        if (seen.has(other)) continue
        seen.add(other)
        group.push(other)
      }
    }
    if (group.length === 1) alone.push(start)
    else found.push(group)
  }
  found.sort((a, b) => b.length - a.length)
  return alone.length > 0 ? [...found, alone] : found
}

/** What stands in a layer: a unit, or the place where a line passes through on its way further down. */
interface Slot {
  name: string
  passes?: { from: string; to: string }
  x: number
  y: number
  row: number
  above: Slot[]
  below: Slot[]
}

const passWidth = 14
/** The space beside the rows for lines that would else run behind them, and how many run side by side. */
const gutter = 26
const lanes = 5
const sweeps = 6

function slotsOf(group: string[], links: Links, layer: Map<string, number>, circles: Set<string>): { rows: Slot[][]; lines: Slot[][] } {
  const rows: Slot[][] = []
  const at = new Map<string, Slot>()
  const put = (slot: Slot, row: number) => {
    while (rows.length <= row) rows.push([])
    rows[row]!.push(slot)
    return slot
  }
  for (const name of group.toSorted()) at.set(name, put({ name, x: 0, y: 0, row: -1, above: [], below: [] }, layer.get(name) ?? 0))
  const lines: Slot[][] = []
  for (const to of group) {
    for (const from of links.needs.get(to) ?? []) {
      const line = [at.get(from)!]
      if (!circles.has(`${from}\n${to}`)) {
        for (let row = (layer.get(from) ?? 0) + 1; row < (layer.get(to) ?? 0); row++) line.push(put({ name: '', passes: { from, to }, x: 0, y: 0, row: -1, above: [], below: [] }, row))
      }
      line.push(at.get(to)!)
      lines.push(line)
      for (let i = 1; i < line.length; i++) {
        line[i]!.above.push(line[i - 1]!)
        line[i - 1]!.below.push(line[i]!)
      }
    }
  }
  return { rows, lines }
}

/** Orders each layer by the middle of what its slots are linked to, down and up again, which uncrosses most lines. */
function uncross(rows: Slot[][]): void {
  const place = new Map<Slot, number>()
  const count = (row: Slot[]) => row.forEach((slot, i) => place.set(slot, (i + 0.5) / row.length))
  rows.forEach(count)
  const sort = (row: Slot[], towards: 'above' | 'below') => {
    const middle = new Map(row.map((slot) => {
      const linked = slot[towards]
      return [slot, linked.length > 0 ? linked.reduce((sum, s) => sum + (place.get(s) ?? 0), 0) / linked.length : (place.get(slot) ?? 0)]
    }))
    row.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0) || a.name.localeCompare(b.name))
    count(row)
  }
  for (let sweep = 0; sweep < sweeps; sweep++) {
    if (sweep % 2 === 0) for (const row of rows) sort(row, 'above')
    else for (const row of rows.toReversed()) sort(row, 'below')
  }
}

const widthOf = (slot: Slot, m: Measures) => (slot.passes ? passWidth : m.nodeWidth)

/** Breaks each layer where the page ends and centres what is left; returns the size of the whole. */
function place(rows: Slot[][], m: Measures): { width: number; height: number } {
  let broken = rows.flatMap((row) => wrap(row, m.width, m))
  // Where a layer is broken, lines run down beside the rows.
  const aside = broken.length > rows.length && rows.length > 1 ? gutter : 0
  if (aside > 0) {
    broken = rows.flatMap((row) => {
      const whole = wrap(row, m.width - aside, m)
      return whole.length > 1 ? wrap(row.filter((slot) => !slot.passes), m.width - aside, m) : whole
    })
  }
  const widths = broken.map((row) => row.reduce((sum, s) => sum + widthOf(s, m), 0) + (row.length - 1) * m.gapX)
  const width = Math.max(...widths)
  broken.forEach((row, i) => {
    let x = aside + (aside > 0 ? 0 : (width - widths[i]!) / 2)
    for (const slot of row) {
      slot.x = x
      slot.y = i * (m.nodeHeight + m.gapY)
      slot.row = i
      x += widthOf(slot, m) + m.gapX
    }
  })
  return { width: width + aside, height: broken.length * (m.nodeHeight + m.gapY) - m.gapY }
}

function wrap(row: Slot[], width: number, m: Measures): Slot[][] {
  const out: Slot[][] = []
  let line: Slot[] = []
  let used = 0
  for (const slot of row) {
    const more = widthOf(slot, m) + (line.length > 0 ? m.gapX : 0)
    if (line.length > 0 && used + more > width) {
      out.push(line)
      line = []
      used = 0
    }
    used += line.length > 0 ? more : widthOf(slot, m)
    line.push(slot)
  }
  if (line.length > 0) out.push(line)
  return out
}

const round = (n: number) => Math.round(n * 10) / 10

/** A line that runs down beside the rows: out under its first slot, in above its last. */
function drawAside(from: Slot, to: Slot, lane: number, dx: number, dy: number, m: Measures): string {
  const step = (lane % lanes) * 4
  const [fx, tx] = [round(from.x + dx + widthOf(from, m) / 2), round(to.x + dx + widthOf(to, m) / 2)]
  const [fy, ty] = [round(from.y + dy + m.nodeHeight), round(to.y + dy)]
  const x = round(dx + 2 + step)
  const [out, into] = [round(fy + 8 + step / 2), round(ty - 8 - step / 2)]
  const r = 5
  return `M${fx} ${fy}V${round(out - r)}q0 ${r} ${-r} ${r}H${round(x + r)}q${-r} 0 ${-r} ${r}V${round(into - r)}q0 ${r} ${r} ${r}H${round(tx - r)}q${r} 0 ${r} ${r}V${ty}`
}

/** A line from under one slot to above the next, straight through those where it passes. */
function draw(line: Slot[], lane: number, dx: number, dy: number, m: Measures): string {
  // A slot without a row was left out where its layer is broken.
  const behind = line.some((slot, i) => slot.row < 0 || (i > 0 && slot.row - line[i - 1]!.row > 1))
  if (behind) return drawAside(line[0]!, line.at(-1)!, lane, dx, dy, m)
  const middle = (s: Slot) => round(s.x + dx + widthOf(s, m) / 2)
  let [x, y] = [middle(line[0]!), round(line[0]!.y + dy + m.nodeHeight)]
  let path = `M${x} ${y}`
  for (const slot of line.slice(1)) {
    const [nx, ny] = [middle(slot), round(slot.y + dy)]
    const bend = Math.max(12, Math.abs(ny - y) / 2)
    path += `C${x} ${round(y + bend)} ${nx} ${round(ny - bend)} ${nx} ${ny}`
    ;[x, y] = [nx, ny]
    if (slot.passes) {
      y = round(ny + m.nodeHeight)
      path += `V${y}`
    }
  }
  return path
}

/** Lays all units out, at most m.width wide (or one node, where the page is narrower than that). */
export function layout(units: GraphUnit[], m: Measures): Layout {
  const links = link(units)
  const { layer, circles } = layersOf(links)
  const out: Layout = { nodes: [], edges: [], width: 0, height: 0 }
  let [shelfX, shelfY, shelfHeight] = [0, 0, 0]
  for (const group of groups(links)) {
    const { rows, lines } = slotsOf(group, links, layer, circles)
    uncross(rows)
    const size = place(rows, m)
    if (shelfX > 0 && shelfX + size.width > m.width) {
      shelfY += shelfHeight + m.apart
      ;[shelfX, shelfHeight] = [0, 0]
    }
    for (const slot of rows.flat()) {
      if (slot.passes) continue
      const { name } = slot
      out.nodes.push({
        name, x: round(slot.x + shelfX), y: round(slot.y + shelfY), layer: layer.get(name) ?? 0, missing: !links.declared.has(name),
        needs: links.needs.get(name) ?? [], neededBy: links.neededBy.get(name) ?? [],
      })
    }
    const lane = new Map([...new Set(lines.map((line) => line[0]!.name))].map((name, i) => [name, i]))
    for (const line of lines) {
      const [from, to] = [line[0]!.name, line.at(-1)!.name]
      out.edges.push({ from, to, path: draw(line, lane.get(from) ?? 0, shelfX, shelfY, m), circle: circles.has(`${from}\n${to}`) })
    }
    out.width = Math.max(out.width, shelfX + size.width)
    out.height = Math.max(out.height, shelfY + size.height)
    shelfX += size.width + m.apart
    shelfHeight = Math.max(shelfHeight, size.height)
  }
  return out
}

/** All that a unit needs, and all that needs it, near and far. */
export function related(nodes: GraphNode[], name: string): Set<string> {
  const byName = new Map(nodes.map((n) => [n.name, n]))
  const found = new Set([name])
  const walk = (side: 'needs' | 'neededBy') => {
    const todo = [name]
    const seen = new Set(todo)
    for (const one of todo) {
      for (const other of byName.get(one)?.[side] ?? []) {
        if (seen.has(other)) continue
        seen.add(other)
        found.add(other)
        todo.push(other)
      }
    }
  }
  walk('needs')
  walk('neededBy')
  return found
}

export type Arrow = 'ArrowUp' | 'ArrowDown' | 'ArrowLeft' | 'ArrowRight'

/** Where an arrow key leads: up to what is needed, down to who needs it, left and right by sight. */
export function step(nodes: GraphNode[], name: string, key: Arrow): string | undefined {
  const here = nodes.find((n) => n.name === name)
  if (!here) return nodes[0]?.name
  const fits: Record<Arrow, (n: GraphNode) => boolean> = {
    ArrowLeft: (n) => n.y === here.y && n.x < here.x, ArrowRight: (n) => n.y === here.y && n.x > here.x,
    ArrowUp: (n) => n.y < here.y, ArrowDown: (n) => n.y > here.y,
  }
  const linked = new Set(key === 'ArrowUp' ? here.needs : key === 'ArrowDown' ? here.neededBy : [])
  let best: GraphNode | undefined
  let least = Infinity
  for (const n of nodes) {
    if (n === here || !fits[key](n)) continue
    // Rows weigh more than columns, and what is linked more than what is only near.
    const far = Math.abs(n.y - here.y) * 4 + Math.abs(n.x - here.x) + (linked.size > 0 && !linked.has(n.name) ? 1e7 : 0)
    if (far < least) [best, least] = [n, far]
  }
  return best?.name
}
