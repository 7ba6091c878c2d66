// SPDX-License-Identifier: Apache-2.0
import { useRouterState } from '@tanstack/react-router'
import { useEffect, useRef, type ReactNode } from 'react'

import { useLive } from '../api/live.tsx'
import { HaltBanner } from './breaker.tsx'

interface PageProps {
  title: string
  about?: ReactNode
  actions?: ReactNode
  /** The page itself says whether HALT stands, with the way to end it. */
  tellsHalt?: boolean
  children: ReactNode
}

export function Page({ title, about, actions, tellsHalt = false, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Holdfast`
  }, [title])
  const heading = useRef<HTMLHeadingElement>(null)
  const arrived = useRouterState({ select: (s) => s.resolvedLocation !== undefined && s.resolvedLocation.pathname !== s.location.pathname })
  useEffect(() => {
    // A page that was gone to is read from its heading; the first one keeps the browser's own focus.
    if (arrived) heading.current?.focus({ preventScroll: true })
    // Only how the page came to be counts.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [])
  const { state } = useLive()
  return (
    <div className="page">
      <header className="page-head">
        <div className="grow">
          <h1 ref={heading} tabIndex={-1}>{title}</h1>
          {about && <p className="soft">{about}</p>}
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {state === 'reconnecting' && (
        <p className="note warn reconnecting" role="status"><span className="spinner" aria-hidden="true" />Reconnecting to the house. What you see may be old.</p>
      )}
      {!tellsHalt && <HaltBanner />}
      {children}
    </div>
  )
}
