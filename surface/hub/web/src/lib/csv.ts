// SPDX-License-Identifier: Apache-2.0

type Cell = string | number | boolean | null | undefined

/**
 * A table as comma-separated values (RFC 4180). A text that a spreadsheet would take for a formula is
 * marked as text, for names come from whoever calls.
 */
export function csvOf(columns: string[], rows: Cell[][]): string {
  return [columns, ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n'
}

function cell(value: Cell): string {
  if (value === null || value === undefined) return ''
  if (typeof value !== 'string') return String(value)
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Billionths of a dollar as dollars, exactly; empty where the price is not known. */
export function dollarsExact(nano: number | null | undefined): string {
  if (nano == null) return ''
  const sign = nano < 0 ? '-' : ''
  const text = String(Math.abs(nano)).padStart(10, '0')
  return sign + `${text.slice(0, -9)}.${text.slice(-9)}`.replace(/\.?0+$/, '')
}
