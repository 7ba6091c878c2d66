// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

import { useDark } from './theme.tsx'

interface Props {
  /** Seconds since the epoch, oldest first. */
  times: number[]
  values: number[]
  /** The time axis. */
  from: number
  to: number
  /** The top of the scale. */
  top: number
  /** Words for a value, on the axis and at the pointer. */
  say: (value: number) => string
  label: string
  /** The steps between the marks of the scale, smallest first. */
  steps?: number[]
}

const height = 132

/** Reads a design token as the colour that it stands for now. */
function colour(box: HTMLElement, token: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${token})`
  box.append(probe)
  const value = getComputedStyle(probe).color
  probe.remove()
  return value
}

/** A line over time; the figures beside it say the newest in words, for who does not see the canvas. */
export function LineChart({ times, values, from, to, top, say, label, steps }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const read = useRef<HTMLSpanElement>(null)
  const plot = useRef<uPlot>(null)
  const latest = useRef({ times, values, from, to, top, say })
  const dark = useDark()
  useEffect(() => {
    latest.current = { times, values, from, to, top, say }
    plot.current?.setData([times, values])
  }, [times, values, from, to, top, say])

  useEffect(() => {
    const el = box.current
    if (!el) return
    const ink = colour(el, '--chart-ink')
    const line = colour(el, '--chart-1')
    const font = '11px ' + getComputedStyle(el).fontFamily
    const now = latest.current
    const chart = new uPlot({
      width: el.clientWidth, height, padding: [10, 8, 0, 0], legend: { show: false }, cursor: { y: false },
      hooks: {
        setCursor: [(u) => {
          const at = u.cursor.idx
          const [x, y] = at == null ? [] : [u.data[0][at], u.data[1]?.[at]]
          if (read.current) read.current.textContent = x == null || y == null ? '' : `${latest.current.say(y)} at ${new Date(x * 1000).toLocaleTimeString('en-GB')}`
        }],
      },
      scales: { x: { range: () => [latest.current.from, latest.current.to] }, y: { range: () => [0, latest.current.top] } },
      axes: [
        { stroke: ink, font, grid: { show: false }, ticks: { show: false }, space: 48, incrs: [60, 300, 600, 900, 1800, 3600], size: 26, values: (_u, splits) => splits.map((s) => new Date(s * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })) },
        { stroke: ink, font, grid: { stroke: colour(el, '--chart-grid'), width: 1 }, ticks: { show: false }, size: 66, space: 30, ...(steps ? { incrs: steps } : {}), values: (_u, splits) => splits.map((s) => latest.current.say(s)) },
      ],
      series: [{}, { label, stroke: line, width: 1.6, fill: colour(el, '--chart-fill'), points: { show: false } }],
    }, [now.times, now.values], el)
    plot.current = chart
    const resize = new ResizeObserver(() => chart.setSize({ width: el.clientWidth, height }))
    resize.observe(el)
    return () => {
      resize.disconnect()
      chart.destroy()
      plot.current = null
    }
  }, [dark, label, steps])

  return (
    <div className="line-chart" aria-hidden="true">
      <div ref={box} />
      <span ref={read} className="line-chart-read dim small" />
    </div>
  )
}
