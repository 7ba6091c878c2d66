// SPDX-License-Identifier: Apache-2.0
import { useMemo, useState } from 'react'

import { whole } from '../lib/format.ts'
import { shown, type ShownPiece } from '../lib/shown.ts'

const step = 100_000

/** A text that others wrote, as text: what cannot be seen is drawn, and a long one is cut until somebody asks for more. */
export function Shown({ text, most = 4_000 }: { text: string | null | undefined; most?: number }) {
  const [more, setMore] = useState(0)
  const { pieces, left } = useMemo(() => shown(text, most + more), [text, most, more])
  return (
    <bdi>
      <Pieces pieces={pieces} />
      {left > 0 && <>… <button type="button" className="more-text" onClick={() => setMore(more + step)}>{whole(left)} more characters</button></>}
    </bdi>
  )
}

export function Pieces({ pieces }: { pieces: ShownPiece[] }) {
  return <>{pieces.map((p, i) => (p.hidden ? <mark key={i} className="unseen" title={p.hidden}>{p.text}</mark> : p.text))}</>
}

/** A short text that others wrote, on one line; its whole stands where it leads to. */
export function Short({ text, most = 200 }: { text: string | null | undefined; most?: number }) {
  const { pieces, left } = useMemo(() => shown(text, most), [text, most])
  return <bdi><Pieces pieces={pieces} />{left > 0 && '…'}</bdi>
}
