// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link, Outlet, useRouterState } from '@tanstack/react-router'
import { useEffect, useState, type ComponentType } from 'react'

import { logout, me } from '../api/client.ts'
import { sayTrouble, useRead } from '../api/house.ts'
import { useLive } from '../api/live.tsx'
import { Button } from './button.tsx'
import { Drawer } from './dialog.tsx'
import { AgentsIcon, ApprovalsIcon, ClientsIcon, JournalIcon, KeyIcon, Logo, ModelsIcon, MoreIcon, OutIcon, OverviewIcon, TokensIcon, ToolsIcon, UnitsIcon } from './icons.tsx'
import { ThemeSwitch } from './theme.tsx'

interface Place {
  to: '/' | '/units' | '/models' | '/tokens' | '/keys' | '/agents' | '/tools' | '/clients' | '/approvals' | '/journal'
  text: string
  icon: ComponentType<{ size?: number }>
}

const places: Place[] = [
  { to: '/', text: 'Overview', icon: OverviewIcon },
  { to: '/units', text: 'Units', icon: UnitsIcon },
  { to: '/models', text: 'Models', icon: ModelsIcon },
  { to: '/tokens', text: 'Tokens', icon: TokensIcon },
  { to: '/keys', text: 'Keys', icon: KeyIcon },
  { to: '/agents', text: 'Agents', icon: AgentsIcon },
  { to: '/tools', text: 'Tools', icon: ToolsIcon },
  { to: '/clients', text: 'Clients', icon: ClientsIcon },
  { to: '/approvals', text: 'Approvals', icon: ApprovalsIcon },
  { to: '/journal', text: 'Journal', icon: JournalIcon },
]

/** What a phone shows below; the rest stands behind "More". */
const below = ['/', '/units', '/tokens', '/approvals']

export function Shell() {
  return (
    <div className="shell">
      <a className="skip" href="#main">Skip to the page</a>
      <Side />
      <TopBar />
      <main id="main" tabIndex={-1}>
        <Outlet />
      </main>
      <BottomBar />
    </div>
  )
}

/** How many approvals wait, for the mark beside the word. */
function useWaiting(): number {
  return useRead('approval.list', { state: 'pending' }).data?.approvals?.length ?? 0
}

function Mark({ place, waiting }: { place: Place; waiting: number }) {
  if (place.to !== '/approvals' || waiting === 0) return null
  return <span className="count">{waiting}<span className="sr"> waiting</span></span>
}

function Side() {
  const waiting = useWaiting()
  const name = useRead('house.status', {}).data?.house
  return (
    <aside className="side">
      <div className="brand">
        <Logo />
        <div className="grow">
          <strong>Holdfast</strong>
          <span className="dim clip">{name ?? ' '}</span>
        </div>
      </div>
      <nav aria-label="Pages">
        <ul>
          {places.map((place) => (
            <li key={place.to}>
              <Link to={place.to} activeOptions={{ exact: place.to === '/', includeSearch: false }}>
                <place.icon /><span className="grow">{place.text}</span><Mark place={place} waiting={waiting} />
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div className="side-foot">
        <LiveMark />
        <Who />
        <ThemeSwitch />
      </div>
    </aside>
  )
}

const liveText = { live: 'Live', connecting: 'Connecting…', reconnecting: 'Reconnecting…', paused: 'Paused' }

function LiveMark() {
  const { state } = useLive()
  return <p className={`live is-${state}`} role="status"><span className="dot" aria-hidden="true" />{liveText[state]}</p>
}

function Who() {
  const who = useQuery({ queryKey: ['me'], queryFn: me, staleTime: 60_000 }).data
  return (
    <div className="row">
      <span className="soft grow clip">{who?.username ?? ''}</span>
      <Button kind="ghost" icon={<OutIcon size={16} />} onPress={() => void logout().catch(sayTrouble)}>Log out</Button>
    </div>
  )
}

function TopBar() {
  const name = useRead('house.status', {}).data?.house
  return (
    <header className="top">
      <Logo size={26} />
      <strong className="grow clip">{name ?? 'Holdfast'}</strong>
      <LiveMark />
    </header>
  )
}

function BottomBar() {
  const [open, setOpen] = useState(false)
  const waiting = useWaiting()
  const path = useRouterState({ select: (s) => s.location.pathname })
  useEffect(() => setOpen(false), [path])
  const more = places.filter((p) => !below.includes(p.to))
  return (
    <nav className="bottom" aria-label="Pages, below">
      {places.filter((p) => below.includes(p.to)).map((place) => (
        <Link key={place.to} to={place.to} activeOptions={{ exact: place.to === '/', includeSearch: false }}>
          <span className="bottom-icon"><place.icon size={20} /><Mark place={place} waiting={waiting} /></span>{place.text}
        </Link>
      ))}
      <button type="button" aria-haspopup="dialog" aria-expanded={open} className={more.some((p) => p.to === path) ? 'active' : ''} onClick={() => setOpen(true)}>
        <span className="bottom-icon"><MoreIcon size={20} /></span>More
      </button>
      <Drawer open={open} onClose={() => setOpen(false)} title="More" side="below">
        <ul className="more">
          {more.map((place) => (
            <li key={place.to}><Link to={place.to}><place.icon size={20} />{place.text}</Link></li>
          ))}
        </ul>
        <div className="more-foot"><Who /><ThemeSwitch /></div>
      </Drawer>
    </nav>
  )
}
