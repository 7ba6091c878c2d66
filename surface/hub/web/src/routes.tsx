// SPDX-License-Identifier: Apache-2.0
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'

import { LostPage, PageLost } from './ui/lost.tsx'
import { Page } from './ui/page.tsx'
import { Empty, Skeleton } from './ui/parts.tsx'
import { Shell } from './ui/shell.tsx'
import { TroubleCard } from './ui/trouble.tsx'

/** The router would reload at once when a file does not come, and leave a person with nothing while the house is away. */
const page = <T,>(load: () => Promise<T>) => (): Promise<T> =>
  load().catch((cause: unknown) => {
    throw new PageLost(cause)
  })

/** Each page is a file of its own. */
const pages = {
  overview: page(() => import('./pages/overview.tsx')),
  units: page(() => import('./pages/units.tsx')),
  models: page(() => import('./pages/models.tsx')),
  tokens: page(() => import('./pages/tokens.tsx')),
  keys: page(() => import('./pages/keys.tsx')),
  agents: page(() => import('./pages/agents.tsx')),
  tools: page(() => import('./pages/tools.tsx')),
  clients: page(() => import('./pages/clients.tsx')),
  approvals: page(() => import('./pages/approvals.tsx')),
  journal: page(() => import('./pages/journal.tsx')),
}

/** Fetches the other pages while nothing else is to be done, so that going there needs no house. */
export function fetchPages(): void {
  const whenIdle = window.requestIdleCallback ?? ((run: () => void) => setTimeout(run, 2_000))
  whenIdle(() => {
    // A page that does not come now is fetched when it is gone to.
    for (const fetchPage of Object.values(pages)) fetchPage().catch(() => undefined)
  })
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound })

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** Only what stands in the address belongs to a page's search; the rest is dropped. */
const only = <K extends string>(...keys: K[]) => (search: Record<string, unknown>): { [key in K]?: string } => {
  const kept: { [key in K]?: string } = {}
  for (const key of keys) {
    const value = text(search[key])
    if (value !== undefined) kept[key] = value
  }
  return kept
}

export const overview = createRoute({
  getParentRoute: () => root, path: '/',
  component: lazyRouteComponent(pages.overview, 'Overview'),
})

export const units = createRoute({
  getParentRoute: () => root, path: '/units', validateSearch: only('log', 'unit', 'view'),
  component: lazyRouteComponent(pages.units, 'Units'),
})

export const models = createRoute({
  getParentRoute: () => root, path: '/models',
  component: lazyRouteComponent(pages.models, 'Models'),
})

export const tokens = createRoute({
  getParentRoute: () => root, path: '/tokens', validateSearch: only('view', 'from', 'to', 'by', 'agent', 'model', 'key', 'tenant', 'source', 'provider', 'project', 'session'),
  component: lazyRouteComponent(pages.tokens, 'TokensPage'),
})

export const keys = createRoute({
  getParentRoute: () => root, path: '/keys',
  component: lazyRouteComponent(pages.keys, 'Keys'),
})

export const agents = createRoute({
  getParentRoute: () => root, path: '/agents', validateSearch: only('view', 'agent', 'preset', 'trace', 'skill', 'q'),
  component: lazyRouteComponent(pages.agents, 'AgentsPage'),
})

export const tools = createRoute({
  getParentRoute: () => root, path: '/tools', validateSearch: only('view', 'tool', 'q', 'source'),
  component: lazyRouteComponent(pages.tools, 'Tools'),
})

export const clients = createRoute({
  getParentRoute: () => root, path: '/clients', validateSearch: only('q', 'show'),
  component: lazyRouteComponent(pages.clients, 'Clients'),
})

export const approvals = createRoute({
  getParentRoute: () => root, path: '/approvals', validateSearch: only('state', 'kind'),
  component: lazyRouteComponent(pages.approvals, 'Approvals'),
})

export const journal = createRoute({
  getParentRoute: () => root, path: '/journal', validateSearch: only('action', 'caller', 'outcome', 'entry'),
  component: lazyRouteComponent(pages.journal, 'Journal'),
})

export const router = createRouter({
  routeTree: root.addChildren([overview, units, models, tokens, keys, agents, tools, clients, approvals, journal]),
  defaultPreload: 'intent',
  defaultPendingComponent: () => <Page title="Loading"><Skeleton lines={6} /></Page>,
  defaultErrorComponent: ({ error, reset }) => <Page title="Trouble">{error instanceof PageLost ? <LostPage /> : <TroubleCard error={error} retry={reset} />}</Page>,
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}

function NotFound() {
  return (
    <Page title="No such page">
      <Empty title="Nothing is moored here">The address names no page of the Hub.</Empty>
    </Page>
  )
}
