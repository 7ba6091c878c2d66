// SPDX-License-Identifier: Apache-2.0
import '../styles/spend.css'

import { useNavigate, useSearch } from '@tanstack/react-router'

import { refreshEvery, useRead } from '../api/house.ts'
import { BreakerCard, BreakerPast } from '../tokens/breaker.tsx'
import { Budgets } from '../tokens/budgets.tsx'
import { Burners } from '../tokens/burners.tsx'
import { Figures } from '../tokens/figures.tsx'
import { Over } from '../tokens/over.tsx'
import { Parked } from '../tokens/parked.tsx'
import { Prices } from '../tokens/prices.tsx'
import { Sessions } from '../tokens/sessions.tsx'
import { Usage } from '../tokens/usage.tsx'
import { Page } from '../ui/page.tsx'
import { Loaded, Segments } from '../ui/parts.tsx'

const views = [
  { value: 'now', text: 'Now' }, { value: 'usage', text: 'Usage' }, { value: 'sessions', text: 'Sessions' }, { value: 'budgets', text: 'Budgets' },
  { value: 'breaker', text: 'Breaker' }, { value: 'prices', text: 'Prices' },
] as const

type View = (typeof views)[number]['value']

export function TokensPage() {
  const { view: asked } = useSearch({ from: '/tokens' })
  const navigate = useNavigate({ from: '/tokens' })
  const view: View = views.find((v) => v.value === asked)?.value ?? 'now'
  return (
    <Page
      title="Tokens" tellsHalt={view === 'now' || view === 'breaker'} about="Every token is counted before it is spent"
      actions={<Segments label="View" value={view} options={[...views]} onChange={(v) => void navigate({ search: v === 'now' ? {} : { view: v }, resetScroll: false })} />}
    >
      <Parked />
      {view === 'now' && <Now />}
      {view === 'usage' && <Usage />}
      {view === 'sessions' && <Sessions />}
      {view === 'budgets' && <Budgets />}
      {view === 'breaker' && <Breaker />}
      {view === 'prices' && <Prices />}
    </Page>
  )
}

/** Calls are not journaled, so that what they burn is asked for. */
const lively = 5_000

function Now() {
  const tokens = useRead('token.summary', {}, { every: lively })
  const breaker = useRead('breaker.status', {}, { every: lively })
  return (
    <>
      <Loaded answer={breaker} lines={4}>{(b) => <BreakerCard breaker={b} recent={tokens.data?.burn.recent} />}</Loaded>
      <Loaded answer={tokens} lines={8}>
        {(t) => (
          <>
            <Figures tokens={t} />
            <Over tokens={t} breaker={breaker.data} />
            <div className="grid-2">
              <Burners first="agent" />
              <Burners first="model" />
            </div>
          </>
        )}
      </Loaded>
    </>
  )
}

function Breaker() {
  const breaker = useRead('breaker.status', {}, { every: refreshEvery })
  return <Loaded answer={breaker} lines={4}>{(b) => <><BreakerCard breaker={b} /><BreakerPast breaker={b} /></>}</Loaded>
}
