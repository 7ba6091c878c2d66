// SPDX-License-Identifier: Apache-2.0
import type { ReactNode } from 'react'

interface Props {
  on: boolean
  label: ReactNode
  /** What the label leaves out, for those who only hear it. */
  of?: string
  hint?: ReactNode
  busy?: boolean
  disabled?: boolean
  onChange: (on: boolean) => void
}

/** On or off, at once. */
export function Switch({ on, label, of, hint, busy = false, disabled = false, onChange }: Props) {
  return (
    <button type="button" role="switch" aria-checked={on} aria-disabled={disabled || undefined} className={`switch ${busy ? 'is-busy' : ''}`} onClick={() => !busy && !disabled && onChange(!on)}>
      <span className="switch-way" aria-hidden="true"><span /></span>
      <span className="grow"><span className="switch-label">{label}{of && <span className="sr"> of {of}</span>}</span>{hint && <span className="dim small">{hint}</span>}</span>
    </button>
  )
}
