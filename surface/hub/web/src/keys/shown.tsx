// SPDX-License-Identifier: Apache-2.0
import { useRead } from '../api/house.ts'
import { isTime } from '../lib/format.ts'
import { example } from '../lib/keyform.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Code, Time } from '../ui/parts.tsx'

/** A key that was just made. */
export interface Fresh {
  name: string
  key: string
  hint: string
  old_until?: string
}

/** Shows a key for the only time. A click beside it does not close it. */
export function ShownOnce({ fresh, onClose }: { fresh: Fresh; onClose: () => void }) {
  const api = useRead('house.status', {}).data?.api ?? ''
  return (
    <Dialog open alert wide onClose={onClose} title={`The key ${fresh.name}`} footer={<Button kind="primary" onPress={onClose}>I have kept it</Button>}>
      <p className="note warn">It is shown now and never again: the house keeps only its hash.</p>
      <Code value={fresh.key} label="The key" />
      {isTime(fresh.old_until) && <p className="soft">The old one stays valid and ends <Time at={fresh.old_until} />.</p>}
      {api && <details className="schema"><summary>How a program uses it</summary><Code value={example(api, fresh.key)} label="A call with the key" /></details>}
    </Dialog>
  )
}
