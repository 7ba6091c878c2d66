// SPDX-License-Identifier: Apache-2.0
import { useMemo } from 'react'

import { shown } from '../lib/shown.ts'
import { textDiff } from '../lib/textdiff.ts'
import { Pieces } from './shown.tsx'

const most = 20_000
const around = 240

/** A long piece that stayed as it was is only its ends. */
const ends = (text: string): string => (text.length > 2 * around ? `${text.slice(0, around)} … ${text.slice(-around)}` : text)

/** What became of a text that others wrote: what went is struck out, what came is marked, and both are said. */
export function Diff({ before, after, by = 'words', label }: { before: string; after: string; by?: 'words' | 'lines'; label: string }) {
  const parts = useMemo(() => textDiff(before.slice(0, most), after.slice(0, most), by), [before, after, by])
  return (
    <div className="diff" tabIndex={0} role="group" aria-label={label}>
      {parts.map((p, i) => {
        const pieces = <Pieces pieces={shown(p.kind === 'same' ? ends(p.text) : p.text, most).pieces} />
        if (p.kind === 'same') return <span key={i}>{pieces}</span>
        return p.kind === 'added' ? <ins key={i}><span className="sr">added: </span>{pieces}</ins> : <del key={i}><span className="sr">removed: </span>{pieces}</del>
      })}
      {Math.max(before.length, after.length) > most && <p className="dim small">Only the first {most} characters are compared.</p>}
    </div>
  )
}
