// SPDX-License-Identifier: Apache-2.0
import { Button as AriaButton, type ButtonProps } from 'react-aria-components/Button'
import type { ReactNode } from 'react'

type Kind = 'plain' | 'primary' | 'danger' | 'warn' | 'ghost'

interface Props extends Omit<ButtonProps, 'className' | 'children'> {
  kind?: Kind
  busy?: boolean
  icon?: ReactNode
  children?: ReactNode
}

/** A busy button keeps the focus and does nothing more; the component's own pending state would leave words behind of a dialog that is gone. */
export function Button({ kind = 'plain', busy = false, icon, children, onPress, ...rest }: Props) {
  return (
    <AriaButton {...rest} {...(busy ? { type: 'button' as const } : { onPress })} className={`button ${kind} ${busy ? 'is-busy' : ''}`}>
      {icon}
      {children}
      {busy && <span className="sr">, under way</span>}
    </AriaButton>
  )
}

interface IconProps extends Omit<ButtonProps, 'className' | 'children' | 'aria-label'> {
  label: string
  children: ReactNode
}

/** A button that is only an icon: its label is its name and its hint. */
export function IconButton({ label, children, ...rest }: IconProps) {
  return (
    <span className="hint" data-hint={label}>
      <AriaButton {...rest} className="icon-button" aria-label={label}>{children}</AriaButton>
    </span>
  )
}
