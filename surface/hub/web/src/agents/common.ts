// SPDX-License-Identifier: Apache-2.0
import type { Tone } from '../ui/parts.tsx'

/** What is read anew when a preset has changed. */
export const presetTouches = ['preset.list', 'agent.list', 'agent.show', 'model.list']

export const traceTones: Record<string, Tone> = { running: 'calm', done: 'good', waiting: 'warn', stopped: 'warn', cancelled: 'still', failed: 'bad' }
