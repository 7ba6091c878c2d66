// SPDX-License-Identifier: Apache-2.0
import '../styles/keys.css'

import { Link } from '@tanstack/react-router'
import { useState } from 'react'

import { refreshEvery, useChange, useRead } from '../api/house.ts'
import type { ApiKey, Budget, Burner } from '../api/words.ts'
import { amount, quotaWords } from '../lib/budgets.ts'
import { shareOf } from '../lib/burn.ts'
import { isTime, percent, plural, short, whole } from '../lib/format.ts'
import { partOf } from '../lib/paging.ts'
import { isHalted } from '../lib/states.ts'
import { KeyDialog } from '../keys/form.tsx'
import { ShownOnce, type Fresh } from '../keys/shown.tsx'
import { RotateDialog } from '../keys/rotate.tsx'
import { Button, IconButton } from '../ui/button.tsx'
import { CloseIcon, EditIcon, KeyIcon, PlusIcon, RestartIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Page } from '../ui/page.tsx'
import { Badge, Card, Empty, Loaded, Search, Time } from '../ui/parts.tsx'

/** What is open on the page, beside the list. */
type Open = { what: 'new' } | { what: 'edit' | 'rotate'; key: ApiKey } | { what: 'fresh'; fresh: Fresh }

export const touches = ['key.list']

export function Keys() {
  const list = useRead('key.list', {}, { every: refreshEvery })
  const [open, setOpen] = useState<Open>()
  const close = () => setOpen(undefined)
  const fresh = (made: Fresh) => setOpen({ what: 'fresh', fresh: made })
  const keys = list.data?.keys ?? []
  const report = useRead('budget.report', {}, { every: refreshEvery }).data
  const of = (name: string) => report && (report.budgets ?? []).filter((b) => b.scope === `key:${name}`)
  return (
    <Page
      title="Keys" about={list.data ? `${plural(keys.length, 'key opens', 'keys open')} models, agents and tools to programs` : 'Who may call models, agents and tools'}
      actions={<Button kind="primary" icon={<PlusIcon size={15} />} onPress={() => setOpen({ what: 'new' })}>New key</Button>}
    >
      <Loaded answer={list} lines={6}>{(d) => <List keys={d.keys ?? []} budgetsOf={of} onOpen={setOpen} />}</Loaded>
      <p className="dim small">A key is shown once, when it is made. All that it may spend stands under <Link to="/tokens" search={{ view: 'budgets' }}>Budgets</Link>, its own caps and HALT under <Link to="/tokens" search={{ view: 'breaker' }}>Breaker</Link>. Secrets in <code>.env</code> are another matter: <code>holdfast keys list</code></p>
      {open?.what === 'new' && <KeyDialog onClose={close} onMade={fresh} />}
      {open?.what === 'edit' && <KeyDialog known={open.key} budgets={of(open.key.name) ?? []} onClose={close} onMade={fresh} />}
      {open?.what === 'rotate' && <RotateDialog known={open.key} onClose={close} onMade={fresh} />}
      {open?.what === 'fresh' && <ShownOnce fresh={open.fresh} onClose={close} />}
    </Page>
  )
}

const size = 50

function List({ keys, budgetsOf, onOpen }: { keys: ApiKey[]; budgetsOf: (name: string) => Budget[] | undefined; onOpen: (open: Open) => void }) {
  const revoke = useChange('key.revoke', { touches, done: (_out, { name }) => `${name} is revoked: it opens nothing from now on` })
  const spent = useRead('token.usage', { by: 'key', since: '30d' }, { every: refreshEvery }).data
  const scopes = useRead('breaker.status', {}, { every: refreshEvery }).data?.scopes ?? []
  const [text, setText] = useState('')
  const [page, setPage] = useState(0)
  if (keys.length === 0) return <Card><Empty title="No keys" icon={<KeyIcon size={26} />}>Make one for each program, so that each can be limited and revoked alone.</Empty></Card>
  const wanted = text.trim().toLowerCase()
  const found = keys.filter((k) => `${k.name} ${k.owner} ${k.tenant} ${(k.models ?? []).join(' ')}`.toLowerCase().includes(wanted))
  const part = partOf(found, page, size)
  return (
    <>
      {keys.length > 5 && <div className="filters"><Search value={text} onChange={(t) => { setText(t); setPage(0) }} label="Name, bearer, tenant or model" />{wanted && <span className="dim small" role="status">{plural(found.length, 'key')}</span>}</div>}
      <Card flush>
        {found.length === 0 && <Empty title="No such key" />}
        {found.length > 0 && (
          <table className="table stacked keys">
            <thead><tr><th>Key</th><th>Bearer</th><th>Models</th><th>A minute</th><th>Spent, 30 days</th><th>Budget</th><th>Expires</th><th>Last used</th><th><span className="sr">Actions</span></th></tr></thead>
            <tbody>
              {part.rows.map((k) => (
                <tr key={k.name} data-key={k.name}>
                  <td className="head"><span className="row wrap"><strong>{k.name}</strong>{k.state === 'expired' && <Badge tone="bad">expired</Badge>}{scopes.some((s) => s.scope === `key:${k.name}` && isHalted(s.state)) && <Link to="/tokens" search={{ view: 'breaker' }}><Badge tone="bad" dot>halted</Badge></Link>}{k.source === '.env' && <Badge>.env</Badge>}</span><code className="dim small">{k.hint}</code></td>
                  <td data-label="Bearer"><span>{k.owner || <span className="dim">as itself</span>}{k.tenant && <span className="dim small"> of {k.tenant}</span>}</span></td>
                  <td data-label="Models">{k.models?.length ? <span className="key-models">{k.models.map((m) => <code key={m}>{m}</code>)}</span> : <span className="dim">all</span>}</td>
                  <td data-label="A minute"><Rates known={k} /></td>
                  <td data-label="Spent, 30 days">{spent ? <Spent name={k.name} row={(spent.rows ?? []).find((r) => r.name === k.name)} /> : <span className="dim">–</span>}</td>
                  <td data-label="Budget"><Limits budgets={budgetsOf(k.name)} /></td>
                  <td data-label="Expires"><Time at={k.expires} none="never" /></td>
                  <td data-label="Last used"><Time at={k.used} none="never" /></td>
                  <td className="acts"><Acts known={k} busy={revoke.busy} onOpen={onOpen} onRevoke={() => void revoke.run({ name: k.name })} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <Pager {...part} count={found.length} size={size} label="keys" onPage={setPage} />
      </Card>
    </>
  )
}

function Spent({ name, row: r }: { name: string; row: Burner | undefined }) {
  if (!r || r.calls === 0) return <span className="dim">nothing</span>
  return <Link to="/tokens" search={{ view: 'usage', key: name }} className="quiet-link nowrap" title={`${whole(r.total)} tokens in ${plural(r.calls, 'call')}`}>{short(r.total)} <span className="dim">{r.unpriced > 0 && r.unpriced === r.calls ? '' : r.cost}</span></Link>
}

/** The budget that is nearest to its end stands for all of a key's. */
function Limits({ budgets }: { budgets: Budget[] | undefined }) {
  if (!budgets) return <span className="dim">–</span>
  const nearest = budgets.toSorted((a, b) => b.percent - a.percent)[0]
  if (!nearest) return <span className="dim">none</span>
  const share = shareOf(nearest.counted + nearest.reserved, nearest.quota)
  return (
    <span className="key-limit" title={budgets.map((b) => `${amount(b.limit, b.counted)} of ${quotaWords(b.limit, b.quota)}`).join('; ')}>
      <span className="nowrap">{percent(share)} <span className="dim">of {quotaWords(nearest.limit, nearest.quota)}</span></span>
      <meter className="share" min={0} max={1} value={Math.min(1, share)} aria-label="Share of the budget" />
    </span>
  )
}

function Rates({ known: k }: { known: ApiKey }) {
  if (!k.rpm && !k.tpm) return <span className="dim">no limit</span>
  return <span>{k.rpm ? plural(k.rpm, 'call') : ''}{k.rpm && k.tpm ? ', ' : ''}{k.tpm ? `${short(k.tpm)} tokens` : ''}</span>
}

function Acts({ known: k, busy, onOpen, onRevoke }: { known: ApiKey; busy: boolean; onOpen: (open: Open) => void; onRevoke: () => void }) {
  return (
    <div className="row key-acts">
      {isTime(k.old_until) && <span className="dim small">the old one until <Time at={k.old_until} /></span>}
      <IconButton label={`Change ${k.name}`} onPress={() => onOpen({ what: 'edit', key: k })}><EditIcon /></IconButton>
      {k.source !== '.env' && (
        <>
          <IconButton label={`Rotate ${k.name}`} onPress={() => onOpen({ what: 'rotate', key: k })}><RestartIcon /></IconButton>
          <IconButton label={`Revoke ${k.name}`} isDisabled={busy} onPress={onRevoke}><CloseIcon /></IconButton>
        </>
      )}
    </div>
  )
}
