// SPDX-License-Identifier: Apache-2.0
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'

import { TroubleCard } from './ui/trouble.tsx'
import { Empty, Page, Skeleton } from './ui/parts.tsx'
import { Shell } from './ui/shell.tsx'

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
  component: lazyRouteComponent(() => import('./pages/overview.tsx'), 'Overview'),
})

export const units = createRoute({
  getParentRoute: () => root, path: '/units', validateSearch: only('log'),
  component: lazyRouteComponent(() => import('./pages/units.tsx'), 'Units'),
})

export const tokens = createRoute({
  getParentRoute: () => root, path: '/tokens',
  component: lazyRouteComponent(() => import('./pages/tokens.tsx'), 'TokensPage'),
})

export const tools = createRoute({
  getParentRoute: () => root, path: '/tools', validateSearch: only('tool', 'q'),
  component: lazyRouteComponent(() => import('./pages/tools.tsx'), 'Tools'),
})

export const approvals = createRoute({
  getParentRoute: () => root, path: '/approvals', validateSearch: only('state'),
  component: lazyRouteComponent(() => import('./pages/approvals.tsx'), 'Approvals'),
})

export const journal = createRoute({
  getParentRoute: () => root, path: '/journal', validateSearch: only('action', 'caller', 'outcome', 'entry'),
  component: lazyRouteComponent(() => import('./pages/journal.tsx'), 'Journal'),
})

export const router = createRouter({
  routeTree: root.addChildren([overview, units, tokens, tools, approvals, journal]),
  defaultPreload: 'intent',
  defaultPendingComponent: () => <Page title="Loading"><Skeleton lines={6} /></Page>,
  defaultErrorComponent: ({ error, reset }) => <Page title="Trouble"><TroubleCard error={error} retry={reset} /></Page>,
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
