// SPDX-License-Identifier: Apache-2.0
import { useEffect } from 'react'

import { me } from '../api/client.ts'
import { Offline } from '../api/errors.ts'
import { TroubleCard } from './trouble.tsx'

/** The file of a page could not be fetched. */
export class PageLost extends Error {
  constructor(cause: unknown) {
    super('the file of this page did not come', { cause })
    this.name = 'PageLost'
  }
}

const every = 3_000

/**
 * In the place of a page whose file did not come: the house is away, or was upgraded and its files
 * have new names. Once it answers, the Hub is loaded anew.
 */
export function LostPage() {
  useEffect(() => {
    const timer = setInterval(() => void me().then(() => location.reload(), () => undefined), every)
    return () => clearInterval(timer)
  }, [])
  return <TroubleCard error={new Offline('the file of a page')} retry={() => location.reload()} />
}
