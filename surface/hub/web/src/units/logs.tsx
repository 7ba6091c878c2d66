// SPDX-License-Identifier: Apache-2.0
import { useRef } from 'react'

import type { Unit } from '../api/words.ts'
import { Drawer } from '../ui/dialog.tsx'
import { CloseIcon } from '../ui/icons.tsx'
import { LogView } from '../ui/log.tsx'
import { Empty } from '../ui/parts.tsx'
import { StateBadge, StateIcon } from '../ui/stateicon.tsx'

/** The house's own logs, which are asked for like those of units. */
const own = ['house', 'watch', 'logkeeper']

/** The log of one unit, beside the page. */
export function LogDrawer({ name, units, known, onClose }: { name: string | undefined; units: Unit[]; known: boolean; onClose: () => void }) {
  // The name stays while the drawer slides away.
  const last = useRef(name)
  if (name) last.current = name
  const shown = last.current
  const unit = units.find((u) => u.name === shown)
  const list = useStable(shown ? [shown] : [])
  return (
    <Drawer open={!!name} onClose={onClose} title={<>Log of {shown}</>} wide actions={unit && <StateBadge state={unit.state} />}>
      {known && !unit && !own.includes(shown ?? '') && <Empty title={`There is no unit ${shown ?? ''}`}>It may have been renamed, or its extension is gone.</Empty>}
      {shown && (unit || !known || own.includes(shown)) && <LogView key={shown} units={list} />}
    </Drawer>
  )
}

/** The same list as long as it says the same. */
function useStable(list: string[]): string[] {
  const kept = useRef(list)
  if (kept.current.join('\n') !== list.join('\n')) kept.current = list
  return kept.current
}

/** The logs of several units, merged by time. */
export function MergedLogs({ chosen, units, onChoose }: { chosen: string[]; units: Unit[]; onChoose: (names: string[]) => void }) {
  const list = useStable(chosen)
  const rest = units.filter((u) => !chosen.includes(u.name))
  const ours = own.filter((name) => !chosen.includes(name))
  const state = (name: string) => units.find((u) => u.name === name)?.state
  return (
    <section className="card flush merged" aria-label="Merged logs">
      <div className="merged-units">
        {chosen.length === 0 && <span className="dim small">All units, merged by time.</span>}
        {chosen.map((name, i) => (
          <span key={name} className={`chip log-unit unit-${i % 8}`}>
            {!own.includes(name) && <StateIcon state={state(name) ?? 'missing'} size={12} />}{name}
            <button type="button" aria-label={`Without ${name}`} onClick={() => onChoose(chosen.filter((c) => c !== name))}><CloseIcon size={12} /></button>
          </span>
        ))}
        <select className="input pick" aria-label="Add a unit" value="" disabled={rest.length + ours.length === 0} onChange={(e) => onChoose([...chosen, e.target.value])}>
          <option value="" disabled>{chosen.length === 0 ? 'Only some units…' : 'Add a unit…'}</option>
          {rest.map((u) => <option key={u.name} value={u.name}>{u.name}</option>)}
          {ours.length > 0 && <optgroup label="The house's own">{ours.map((name) => <option key={name} value={name}>{name}</option>)}</optgroup>}
        </select>
      </div>
      <LogView units={list} />
    </section>
  )
}
