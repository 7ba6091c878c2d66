// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'

import { gist } from './entry.ts'

test.each([
  [{ from: 'ready', to: 'stopping', why: 'restarting', pid: 7 }, 'ready → stopping: restarting'],
  [{ from: 'stopped', to: 'starting' }, 'stopped → starting'],
  [{ guard: 'tier', reason: 'needs tier owner' }, 'needs tier owner'],
  [{ error: 'disk full' }, 'disk full'],
  [{ approval: 'k3', state: 'pending' }, 'approval k3, pending'],
  [{ input: { unit: 'a' } }, ''],
  [null, ''],
  ['text', ''],
])('the gist of %j is %j', (detail, want) => expect(gist(detail)).toBe(want))
