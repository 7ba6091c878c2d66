// SPDX-License-Identifier: Apache-2.0
import { useId, type ReactNode } from 'react'

interface Props {
  label: string
  value: string
  onChange: (text: string) => void
  problem?: string | undefined
  hint?: string | undefined
  placeholder?: string | undefined
  numeric?: boolean
  focus?: boolean
  wide?: boolean
  /** Names to choose from; any other may be written. */
  options?: string[]
  children?: ReactNode
}

/** A line to write in, with what it is for and what is wrong with it. */
export function Field({ label, value, onChange, problem, hint, placeholder, numeric, focus, wide, options, children }: Props) {
  const id = useId()
  return (
    <div className={wide ? 'field wide' : 'field'}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id} className="input" value={value} placeholder={placeholder} autoFocus={focus} autoComplete="off" spellCheck={false} {...(numeric ? { inputMode: 'decimal' as const } : {})} {...(options ? { list: `${id}-list` } : {})}
        aria-invalid={problem ? true : undefined} aria-describedby={problem || hint ? `${id}-said` : undefined} onChange={(e) => onChange(e.target.value)}
      />
      {options && <datalist id={`${id}-list`}>{options.map((o) => <option key={o} value={o} />)}</datalist>}
      {(problem || hint) && <span id={`${id}-said`} className={problem ? 'problem' : 'dim'} role={problem ? 'alert' : undefined}>{problem ?? hint}</span>}
      {children}
    </div>
  )
}
