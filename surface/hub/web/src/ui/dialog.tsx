// SPDX-License-Identifier: Apache-2.0
import type { ReactNode } from 'react'
import { Dialog as AriaDialog } from 'react-aria-components/Dialog'
import { Heading } from 'react-aria-components/Heading'
import { Modal, ModalOverlay } from 'react-aria-components/Modal'

import { IconButton } from './button.tsx'
import { CloseIcon } from './icons.tsx'

interface DialogProps {
  open: boolean
  onClose: () => void
  title: ReactNode
  children: ReactNode
  footer?: ReactNode
  alert?: boolean
  wide?: boolean
}

/** A question in the middle of the page; on a phone it rises from below. */
export function Dialog({ open, onClose, title, children, footer, alert = false, wide = false }: DialogProps) {
  return (
    <ModalOverlay className="overlay" isOpen={open} onOpenChange={(is) => !is && onClose()} isDismissable={!alert}>
      <Modal className={wide ? 'modal wide' : 'modal'}>
        <AriaDialog className="dialog" role={alert ? 'alertdialog' : 'dialog'}>
          <Heading slot="title" level={2}>{title}</Heading>
          <div className="dialog-body">{children}</div>
          {footer && <div className="dialog-foot">{footer}</div>}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  )
}

interface DrawerProps {
  open: boolean
  onClose: () => void
  title: ReactNode
  label?: string
  actions?: ReactNode
  children: ReactNode
  side?: 'end' | 'below'
  wide?: boolean
}

/** A panel beside the page, of full height; on a phone it covers the page. */
export function Drawer({ open, onClose, title, actions, children, side = 'end', wide = false }: DrawerProps) {
  return (
    <ModalOverlay className={`overlay side-${side}`} isOpen={open} onOpenChange={(is) => !is && onClose()} isDismissable>
      <Modal className={`drawer ${side} ${wide ? 'wide' : ''}`}>
        <AriaDialog className="drawer-inner">
          <header className="drawer-head">
            <Heading slot="title" level={2} className="grow clip">{title}</Heading>
            {actions}
            <IconButton label="Close" onPress={onClose}><CloseIcon /></IconButton>
          </header>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  )
}
