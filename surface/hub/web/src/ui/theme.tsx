// SPDX-License-Identifier: Apache-2.0
import { useSyncExternalStore } from 'react'

import { AutoIcon, MoonIcon, SunIcon } from './icons.tsx'
import { Segments } from './parts.tsx'

export type Theme = 'auto' | 'light' | 'dark'

const key = 'holdfast.theme'
const listeners = new Set<() => void>()

function read(): Theme {
  const chosen = document.documentElement.dataset['theme']
  return chosen === 'light' || chosen === 'dark' ? chosen : 'auto'
}

function choose(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  try {
    if (theme === 'auto') localStorage.removeItem(key)
    else localStorage.setItem(key, theme)
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  for (const tell of listeners) tell()
}

const subscribe = (tell: () => void) => {
  const system = matchMedia('(prefers-color-scheme: dark)')
  listeners.add(tell)
  system.addEventListener('change', tell)
  return () => {
    listeners.delete(tell)
    system.removeEventListener('change', tell)
  }
}

export const useTheme = (): Theme => useSyncExternalStore(subscribe, read)

/** Whether the page is dark now, for what CSS does not reach (a canvas). */
export const useDark = (): boolean =>
  useSyncExternalStore(subscribe, () => {
    const theme = read()
    return theme === 'auto' ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark'
  })

export function ThemeSwitch() {
  const theme = useTheme()
  const option = (value: Theme, text: string, Icon: typeof SunIcon) => ({ value, text: <><Icon size={16} /><span className="sr">{text}</span></> })
  return (
    <Segments label="Theme" value={theme} onChange={choose} options={[option('light', 'Light', SunIcon), option('auto', 'As the system', AutoIcon), option('dark', 'Dark', MoonIcon)]} />
  )
}
