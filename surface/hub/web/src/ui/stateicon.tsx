// SPDX-License-Identifier: Apache-2.0
import type { ReactNode } from 'react'

import { unitTone } from '../lib/states.ts'

const cut = { fill: 'none', stroke: 'var(--cut)', strokeWidth: 1.7, strokeLinecap: 'round', strokeLinejoin: 'round' } as const
const line = { fill: 'none', stroke: 'currentColor', strokeWidth: 1.7, strokeLinecap: 'round', strokeLinejoin: 'round' } as const

/** A form for each state, so that its colour is not the only sign. */
const forms: Record<string, ReactNode> = {
  ready: <><circle cx="8" cy="8" r="7" fill="currentColor" /><path d="m4.800 8.300 2.200 2.200 4.200-4.700" {...cut} /></>,
  running: <><circle cx="8" cy="8" r="7" fill="currentColor" /><path d="M6.500 5.200v5.600L11 8z" fill="var(--cut)" /></>,
  starting: <><path d="M8 1.500A6.500 6.500 0 1 1 1.500 8" {...line} /><path d="M8 11V5.500M5.500 7.800 8 5.300l2.500 2.500" {...line} /></>,
  stopping: <><path d="M8 1.500A6.500 6.500 0 1 1 1.500 8" {...line} /><path d="M8 5v5.500M5.500 8.200 8 10.700l2.500-2.500" {...line} /></>,
  unhealthy: <><path d="M8 1.300 15.300 14.200H.700z" fill="currentColor" strokeLinejoin="round" /><path d="M8 6.200v3.600M8 12h.01" {...cut} /></>,
  'backing-off': <><path d="M13.800 8a5.800 5.800 0 1 1-1.700-4.100" {...line} /><path d="M14 1.300v3.200h-3.200" {...line} /></>,
  failed: <><path d="M5.100 1h5.800L15 5.100v5.800L10.900 15H5.100L1 10.900V5.100z" fill="currentColor" /><path d="m5.600 5.600 4.800 4.800m0-4.800-4.800 4.800" {...cut} /></>,
  blocked: <><circle cx="8" cy="8" r="6.300" {...line} /><path d="m3.700 3.700 8.600 8.600" {...line} /></>,
  held: <><rect x="1" y="1" width="14" height="14" rx="3" fill="currentColor" /><path d="M6 5v6M10 5v6" {...cut} strokeWidth="2" /></>,
  stopped: <rect x="2.500" y="2.500" width="11" height="11" rx="2" {...line} />,
  missing: <><circle cx="8" cy="8" r="6.300" {...line} strokeDasharray="2.500 3" /><path d="M6.500 6.300a1.600 1.600 0 1 1 2.300 1.500c-.6.3-.8.600-.8 1.100M8 11.300h.01" {...line} strokeWidth="1.500" /></>,
}

export function StateIcon({ state, size = 14 }: { state: string; size?: number }) {
  return <svg className={`state-icon ${state === 'missing' ? 'bad' : unitTone(state)}`} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">{forms[state] ?? forms.stopped}</svg>
}

export function StateBadge({ state }: { state: string }) {
  return <span className={`badge ${unitTone(state)}`}><StateIcon state={state} size={12} />{state}</span>
}
