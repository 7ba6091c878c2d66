// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { useEffect, type ReactNode } from 'react'

import { logout, me, toLogin } from '../api/client.ts'
import { LiveProvider } from '../api/live.tsx'
import { Button } from './button.tsx'
import { Logo } from './icons.tsx'
import { TroubleCard } from './trouble.tsx'

/** Lets in who is logged in and sends everybody else to the login page. */
export function Gate({ children }: { children: ReactNode }) {
  const who = useQuery({ queryKey: ['me'], queryFn: me, staleTime: 60_000, refetchInterval: (q) => (q.state.error ? 5_000 : false) })
  const out = who.data?.authenticated === false
  useEffect(() => {
    if (out) toLogin()
  }, [out])

  if (who.data?.authenticated && who.data.csrf_token === '') return <KeyLost />
  if (who.data?.authenticated) return <LiveProvider>{children}</LiveProvider>
  return (
    <main className="gate">
      <Logo size={56} />
      {who.error ? (
        <TroubleCard error={who.error} retry={() => void who.refetch()} />
      ) : (
        <p className="soft" role="status">{out ? 'To the login page…' : 'Opening the house…'}</p>
      )}
    </main>
  )
}

/** The cookie is there, but not the page key beside it: only a new login brings that back. */
function KeyLost() {
  return (
    <main className="gate">
      <Logo size={56} />
      <div className="stack gate-text">
        <h1>Log in again</h1>
        <p className="soft">This browser still has the cookie of its session, but has lost the page key that its login left beside it, and the cookie alone may change nothing. Log out, then open a new link: <code>holdfast link</code></p>
        <div><Button kind="primary" onPress={() => void logout()}>Log out</Button></div>
      </div>
    </main>
  )
}
