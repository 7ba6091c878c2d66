// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

import { short } from '../lib/format.ts'
import { useDark } from './theme.tsx'

interface Props {
  /** Seconds since the epoch, one an hour, or one a day: then as UTC. */
  times: number[]
  values: number[]
  /** The hour that is pointed at, by its place; undefined for none. */
  onPoint: (index: number | undefined) => void
  byDay?: boolean
}

/** Reads a design token as the colour that it stands for now. */
export function colour(box: HTMLElement, token: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${token})`
  box.append(probe)
  const value = getComputedStyle(probe).color
  probe.remove()
  return value
}

const hourWords = (s: number) => new Date(s * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
const dayWords = (s: number) => new Date(s * 1000).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })

function options(box: HTMLElement, width: number, onPoint: Props['onPoint'], byDay: boolean): uPlot.Options {
  const ink = colour(box, '--chart-ink')
  const grid = { stroke: colour(box, '--chart-grid'), width: 1 }
  const bar = colour(box, '--chart-1')
  const font = '11px ' + getComputedStyle(box).fontFamily
  const half = byDay ? 43_200 : 1_800
  return {
    width, height: 220, ...(byDay ? { tzDate: (s: number) => uPlot.tzDate(new Date(s * 1000), 'Etc/UTC') } : {}), padding: [12, 8, 0, 0],
    cursor: { y: false, points: { show: false } },
    legend: { show: false },
    hooks: { setCursor: [(u) => onPoint(u.cursor.idx ?? undefined)] },
    scales: { x: { range: (_u, min, max) => [min - half, max + half] }, y: { range: (_u, _min, max) => [0, Math.max(max, 10) * 1.1] } },
    axes: [
      { stroke: ink, font, grid: { show: false }, ticks: { show: false }, space: 56, size: 30, ...(byDay ? { incrs: [1, 2, 3, 5, 7, 10].map((n) => n * 86_400) } : {}), values: (_u, splits) => splits.map(byDay ? dayWords : hourWords) },
      { stroke: ink, font, grid, ticks: { show: false }, size: 52, values: (_u, splits) => splits.map(short) },
    ],
    series: [
      {},
      { label: 'Tokens', stroke: bar, fill: bar, width: 0, points: { show: false }, ...(uPlot.paths.bars ? { paths: uPlot.paths.bars({ size: [0.72, 40], radius: 0.18 }) } : {}) },
    ],
  }
}

/** Bars an hour; the page also gives the figures in a table, for who does not see the canvas. */
export function HourChart({ times, values, onPoint, byDay = false }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const data = useRef<uPlot.AlignedData>([times, values])
  const dark = useDark()
  useEffect(() => {
    data.current = [times, values]
    plot.current?.setData(data.current)
  }, [times, values])

  useEffect(() => {
    const el = box.current
    if (!el) return
    const chart = new uPlot(options(el, el.clientWidth, onPoint, byDay), data.current, el)
    plot.current = chart
    const resize = new ResizeObserver(() => chart.setSize({ width: el.clientWidth, height: 220 }))
    resize.observe(el)
    return () => {
      resize.disconnect()
      chart.destroy()
      plot.current = null
    }
  }, [dark, onPoint, byDay])

  return <div ref={box} className="chart" aria-hidden="true" />
}
