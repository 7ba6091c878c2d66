// SPDX-License-Identifier: Apache-2.0

const cents = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** 1234567 → "1,234,567". */
export const whole = (n: number): string => grouped.format(n).replace('-', '−')

/** 999 → "999", 12_345 → "12.3k", 4_200_000 → "4.2M": at most four characters of digits. */
export function short(n: number): string {
  const sign = n < 0 ? '−' : ''
  let size = Math.abs(n)
  if (size < 1000) return sign + grouped.format(size)
  for (const unit of ['k', 'M', 'G']) {
    size /= 1000
    if (size < 999.5 || unit === 'G') return sign + (size < 99.95 ? trim(size.toFixed(1)) : grouped.format(size)) + unit
  }
  return sign + grouped.format(size)
}

/** 1536 → "1.5 KiB". */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`
  let size = n
  let unit = 'B'
  for (const next of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (size < 1024) break
    size /= 1024
    unit = next
  }
  return `${trim(size.toFixed(size < 100 ? 1 : 0))} ${unit}`
}

const trim = (text: string): string => text.replace(/\.0$/, '')

/** Dollars, with more digits for small sums; null is a cost that nobody knows. */
export function dollars(n: number | null | undefined): string {
  if (n == null) return 'unknown'
  if (n === 0) return '$0'
  const size = Math.abs(n)
  return (n < 0 ? '−$' : '$') + (size < 0.1 ? size.toFixed(4) : cents.format(size))
}

/** A share as a percentage: 0.1234 → "12 %". */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return '–'
  const p = share * 100
  return `${p > 0 && p < 1 ? '<1' : Math.round(p)} %`
}

const steps: [number, string][] = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
]

/** Seconds in the two largest units: 3725 → "1 h 2 min". */
export function span(seconds: number): string {
  const total = Math.max(0, Math.floor(seconds))
  const first = steps.findIndex(([size]) => total >= size)
  if (first < 0) return '0 s'
  const [size, unit] = steps[first]!
  const count = Math.floor(total / size)
  const next = steps[first + 1]
  if (!next || count >= 10) return `${count} ${unit}`
  const rest = Math.floor((total % size) / next[0])
  return rest > 0 ? `${count} ${unit} ${rest} ${next[1]}` : `${count} ${unit}`
}

/** Nanoseconds as a person says them: 1_500_000 → "1.5 ms". */
export function nanoseconds(ns: number): string {
  if (ns < 1_000_000) return `${grouped.format(ns / 1000)} µs`
  if (ns < 1_000_000_000) return `${trim((ns / 1e6).toFixed(1))} ms`
  if (ns < 60_000_000_000) return `${trim((ns / 1e9).toFixed(1))} s`
  return span(ns / 1e9)
}

/** How long ago, in one unit: "now", "5 s ago", "3 min ago", "in 2 h". */
export function relative(then: Date, now: number): string {
  const seconds = Math.round((now - then.getTime()) / 1000)
  const size = Math.abs(seconds)
  if (size < 3) return 'now'
  const [step, unit] = steps.find(([s]) => size >= s) ?? [1, 's']
  const text = `${Math.floor(size / step)} ${unit}`
  return seconds < 0 ? `in ${text}` : `${text} ago`
}

/** How soon a relative time reads differently, in milliseconds. */
export function freshFor(then: Date, now: number): number {
  const age = Math.abs(now - then.getTime())
  if (age < 60_000) return 5_000
  return age < 3_600_000 ? 30_000 : 300_000
}

const exactly = new Intl.DateTimeFormat('en-GB', {
  year: 'numeric', month: 'short', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
  timeZoneName: 'short', hour12: false,
})

export const exact = (at: Date): string => exactly.format(at)

/** Whether a time is one at all: the zero time of Go is none. */
export function isTime(text: string | null | undefined): text is string {
  return !!text && !text.startsWith('0001-') && !Number.isNaN(Date.parse(text))
}

export const plural = (n: number, one: string, many = one + 's'): string => `${whole(n)} ${n === 1 ? one : many}`
