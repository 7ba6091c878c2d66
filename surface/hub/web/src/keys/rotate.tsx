// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react'

import { useChange } from '../api/house.ts'
import type { ApiKey } from '../api/words.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { TroubleCard } from '../ui/trouble.tsx'
import type { Fresh } from './shown.tsx'

const overlaps = [['0', 'not at all: it ends at once'], ['10m', '10 minutes'], ['1h', '1 hour'], ['1d', '1 day'], ['7d', '7 days']] as const

/** Makes a key anew, and asks how long the old one stays. */
export function RotateDialog({ known, onClose, onMade }: { known: ApiKey; onClose: () => void; onMade: (fresh: Fresh) => void }) {
  const [overlap, setOverlap] = useState('1h')
  const rotate = useChange('key.rotate', { touches: ['key.list'], inline: true })
  const submit = async () => {
    if (rotate.busy) return
    const made = await rotate.run({ name: known.name, overlap })
    if (made) onMade(made)
  }
  return (
    <Dialog open alert onClose={onClose} title={`Rotate ${known.name}?`} footer={<><Button onPress={onClose}>Cancel</Button><Button kind="primary" onPress={() => void submit()}>Rotate</Button></>}>
      <p className="soft">It gets a new value, which is shown once. Limits, budget and bearer stay.</p>
      <label className="field">
        <span>The old value stays valid for</span>
        <select className="input" value={overlap} onChange={(e) => setOverlap(e.target.value)}>{overlaps.map(([value, text]) => <option key={value} value={value}>{text}</option>)}</select>
      </label>
      {rotate.error ? <TroubleCard error={rotate.error} /> : null}
    </Dialog>
  )
}
