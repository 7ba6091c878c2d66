// SPDX-License-Identifier: Apache-2.0
import { useSyncExternalStore } from 'react'

import type { Trouble } from '../api/errors.ts'
import { AlertIcon, CheckIcon, CloseIcon, HaltIcon } from './icons.tsx'
import { IconButton } from './button.tsx'
import { TroubleBody } from './trouble.tsx'

export interface Toast {
  tone: 'good' | 'bad' | 'calm'
  title: string
  text?: string
  trouble?: Trouble
  link?: { to: string; text: string }
}

type Shown = Toast & { id: number }

const life = 6_000
const most = 4
let shown: Shown[] = []
let next = 1
const listeners = new Set<() => void>()

const publish = (list: Shown[]) => {
  shown = list
  for (const tell of listeners) tell()
}

/** Says something in the corner; good news goes by itself, trouble stays until it is closed. */
export function say(toast: Toast): void {
  const id = next++
  publish([...shown.slice(-(most - 1)), { ...toast, id }])
  if (toast.tone === 'good') setTimeout(() => hush(id), life)
}

const hush = (id: number) => publish(shown.filter((t) => t.id !== id))

const subscribe = (tell: () => void) => {
  listeners.add(tell)
  return () => listeners.delete(tell)
}

const icons = { good: CheckIcon, bad: AlertIcon, calm: HaltIcon }

export function Toasts() {
  const list = useSyncExternalStore(subscribe, () => shown)
  return (
    <section className="toasts" aria-label="Messages" aria-live="polite" data-react-aria-top-layer="true">
      {list.map((toast) => {
        const Icon = icons[toast.tone]
        return (
          <div key={toast.id} className={`toast ${toast.tone}`} role={toast.tone === 'bad' ? 'alert' : 'status'}>
            <Icon />
            <div className="grow">
              <strong>{toast.title}</strong>
              {toast.text && <p className="soft">{toast.text}</p>}
              {toast.trouble && <TroubleBody trouble={toast.trouble} />}
              {toast.link && <a href={toast.link.to} onClick={() => hush(toast.id)}>{toast.link.text}</a>}
            </div>
            <IconButton label="Close message" onPress={() => hush(toast.id)}><CloseIcon size={16} /></IconButton>
          </div>
        )
      })}
    </section>
  )
}
