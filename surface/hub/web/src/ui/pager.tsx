// SPDX-License-Identifier: Apache-2.0
import { whole } from '../lib/format.ts'
import { IconButton } from './button.tsx'
import { BackIcon, ChevronIcon } from './icons.tsx'

interface Props {
  page: number
  pages: number
  /** Rows known so far; more says that there are others behind them. */
  count: number
  more?: boolean
  size: number
  label: string
  onPage: (page: number) => void
}

/** From page to page of a list; nothing where one page is all. */
export function Pager({ page, pages, count, more = false, size, label, onPage }: Props) {
  if (pages <= 1 && !more) return null
  return (
    <nav className="pager small" aria-label={`Pages of ${label}`}>
      <span className="dim" role="status">{whole(page * size + 1)} – {whole(Math.min(count, (page + 1) * size))} of {whole(count)}{more && ' and more'}</span>
      <IconButton label="The page before" isDisabled={page === 0} onPress={() => onPage(page - 1)}><BackIcon /></IconButton>
      <IconButton label="The next page" isDisabled={page + 1 >= pages} onPress={() => onPage(page + 1)}><ChevronIcon /></IconButton>
    </nav>
  )
}
