// SPDX-License-Identifier: Apache-2.0

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')

/** What an entry's detail says in a few words: why it was refused, what failed, what became of a unit. */
export function gist(detail: unknown): string {
  if (typeof detail !== 'object' || detail === null) return ''
  const d = detail as Record<string, unknown>
  const why = text(d['error']) || text(d['reason']) || text(d['why'])
  const to = text(d['to'])
  if (to !== '') return `${text(d['from'])} → ${to}${why === '' ? '' : `: ${why}`}`
  if (why !== '') return why
  return text(d['approval']) === '' ? '' : `approval ${text(d['approval'])}, ${text(d['state'])}`
}
