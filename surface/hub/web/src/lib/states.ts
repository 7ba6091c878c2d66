// SPDX-License-Identifier: Apache-2.0
import type { Tone } from '../ui/parts.tsx'

const unitTones: Record<string, Tone> = {
  ready: 'good', running: 'good', starting: 'calm', stopping: 'calm', unhealthy: 'warn', 'backing-off': 'warn',
  failed: 'bad', blocked: 'bad', held: 'still', stopped: 'still',
}

export const unitTone = (state: string): Tone => unitTones[state] ?? 'still'

export const isUp = (state: string): boolean => state === 'ready' || state === 'running'

/** Whether something about a unit asks for a person's eye. */
export const isTroubled = (state: string): boolean => ['warn', 'bad'].includes(unitTone(state))

/** Whether a unit stands still because somebody or nothing wants it to run. */
export const isStill = (state: string): boolean => unitTone(state) === 'still'

const outcomeTones: Record<string, Tone> = { done: 'good', started: 'calm', failed: 'bad', refused: 'warn', noted: 'still' }

export const outcomeTone = (outcome: string): Tone => outcomeTones[outcome] ?? 'still'

const severityTones: Record<string, Tone> = { critical: 'bad', warning: 'warn', info: 'calm' }

export const severityTone = (severity: string): Tone => severityTones[severity] ?? 'still'

const breakerTones: Record<string, Tone> = { armed: 'good', warn: 'warn', halted: 'bad', 'notify-only': 'warn', blind: 'bad' }

export const breakerTone = (state: string): Tone => breakerTones[state] ?? 'still'

export const isHalted = (state: string): boolean => state === 'halted'
