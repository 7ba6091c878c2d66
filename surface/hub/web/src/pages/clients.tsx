// SPDX-License-Identifier: Apache-2.0
import '../styles/clients.css'

import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'

import { refreshEvery, useChange, useRead } from '../api/house.ts'
import type { Client, Grant } from '../api/words.ts'
import { isTime, plural } from '../lib/format.ts'
import { partOf } from '../lib/paging.ts'
import { plain } from '../lib/shown.ts'
import { Button } from '../ui/button.tsx'
import { confirm } from '../ui/confirm.tsx'
import { ClientsIcon, CloseIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Page } from '../ui/page.tsx'
import { Badge, Card, Empty, Loaded, Search, Segments, Time } from '../ui/parts.tsx'
import { Short } from '../ui/shown.tsx'

const size = 25
const touches = ['client.list', 'grant.list']

/** Who was given access to the house's MCP server by a person, and which programs asked for it. */
export function Clients() {
  const { q = '', show } = useSearch({ from: '/clients' })
  const navigate = useNavigate({ from: '/clients' })
  const ended = show === 'ended'
  const grants = useRead('grant.list', { ended }, { every: refreshEvery })
  const clients = useRead('client.list', {}, { every: refreshEvery })
  const live = (grants.data?.grants ?? []).filter((g) => !isTime(g.ended)).length
  const find = (text: string) => void navigate({ search: { ...(text ? { q: text } : {}), ...(ended ? { show: 'ended' } : {}) }, replace: true })
  return (
    <Page
      title="Clients" about={grants.data ? `${plural(live, 'grant opens', 'grants open')} tools to programs that asked for them` : 'Which programs were let in to the tools, and by whom'}
      actions={<EndAll count={live} />}
    >
      {grants.data?.closed && <p className="note warn">No access is given just now: {grants.data.closed}</p>}
      <div className="filters">
        <Search value={q} onChange={find} label="Client, user or scope" />
        <Segments label="Which grants" value={ended ? 'ended' : 'live'} onChange={(v) => void navigate({ search: { ...(q ? { q } : {}), ...(v === 'ended' ? { show: v } : {}) } })} options={[{ value: 'live', text: 'Live' }, { value: 'ended', text: 'With ended' }]} />
      </div>
      <Loaded answer={grants} lines={5}>{(d) => <Grants key={`${ended}`} grants={d.grants ?? []} find={q} />}</Loaded>
      <Loaded answer={clients} lines={4}>{(d) => <Known clients={d.clients ?? []} find={q} />}</Loaded>
      <p className="dim small">A program with a key of its own needs no grant: those are under <Link to="/keys">Keys</Link>. A grant ends by itself when it is not used for long.</p>
    </Page>
  )
}

function EndAll({ count }: { count: number }) {
  const revoke = useChange('grant.revoke', { touches, done: (out) => `${plural(out.revoked?.length ?? 0, 'grant')} ended` })
  if (count < 2) return null
  const run = async () => {
    if (await confirm({ title: 'End all access?', yes: 'End all', danger: true, body: <p className="soft">{plural(count, 'grant')} end at once, with all that is open. Each client has to ask anew.</p> })) await revoke.run({ all: true })
  }
  return <Button kind="warn" busy={revoke.busy} onPress={() => void run()}>End all access…</Button>
}

/** Where an address leads; what is no address is shown as it is. */
function host(uri: string): string {
  try {
    const url = new URL(uri)
    return url.host || uri
  } catch {
    return uri
  }
}

function Grants({ grants, find }: { grants: Grant[]; find: string }) {
  const [page, setPage] = useState(0)
  const wanted = find.trim().toLowerCase()
  const found = grants.filter((g) => `${g.name} ${g.client} ${g.user} ${g.scopes} ${g.resource}`.toLowerCase().includes(wanted))
  const part = partOf(found, page, size)
  return (
    <Card title="Grants" flush>
      {found.length === 0 ? <Empty title={grants.length === 0 ? 'Nobody has access by a grant' : 'No such grant'} icon={<ClientsIcon size={26} />}>{grants.length === 0 && 'An MCP client that is pointed at this house sends you to a page that asks you; what you allow there is listed here.'}</Empty> : (
        <table className="table stacked grants">
          <thead><tr><th>Client</th><th>Given by</th><th>May</th><th>Of</th><th>Used</th><th>Ends</th><th><span className="sr">Actions</span></th></tr></thead>
          <tbody>
            {part.rows.map((g) => (
              <tr key={g.id} data-grant={g.id}>
                <td className="head"><strong><Short text={g.name || g.client} most={80} /></strong><span className="dim small client-id clip"><Short text={host(g.redirect)} most={80} /></span></td>
                <td data-label="Given by"><span><Short text={g.user} most={60} /> <span className="dim small"><Time at={g.created} /></span></span></td>
                <td data-label="May"><span className="row wrap scopes">{g.scopes.split(' ').filter(Boolean).slice(0, 12).map((s) => <Badge key={s} tone={s === 'tools:call' ? 'warn' : 'still'}><Short text={s} most={60} /></Badge>)}<span className="dim small">as {g.tier}</span></span></td>
                <td data-label="Of"><code className="small nowrap"><Short text={pathOf(g.resource)} most={80} /></code></td>
                <td data-label="Used"><Time at={g.used} none="never" /></td>
                <td data-label="Ends">{isTime(g.ended) ? <span><Badge tone="still">ended</Badge> <span className="dim small"><Time at={g.ended} />{g.reason && <>, <Short text={g.reason} most={80} /></>}</span></span> : <Time at={g.expires} />}</td>
                <td className="acts">{!isTime(g.ended) && <Revoke grant={g} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Pager {...part} count={found.length} size={size} label="grants" onPage={setPage} />
    </Card>
  )
}

const pathOf = (uri: string): string => {
  try {
    return new URL(uri).pathname
  } catch {
    return uri
  }
}

function Revoke({ grant: g }: { grant: Grant }) {
  const name = plain(g.name || g.client, 60)
  const revoke = useChange('grant.revoke', { touches, done: () => `The access of ${name} is ended` })
  const run = async () => {
    if (await confirm({ title: `End the access of ${name}?`, yes: 'End it', danger: true, body: <p className="soft">It ends at once, with all that is open. The client may ask again, and then you are asked.</p> })) await revoke.run({ id: g.id })
  }
  return <Button icon={<CloseIcon size={15} />} busy={revoke.busy} onPress={() => void run()}>Revoke<span className="sr"> the access of {name}</span></Button>
}

const hosts = (c: Client): string[] => [...new Set((c.redirects ?? []).map(host))]

function Known({ clients, find }: { clients: Client[]; find: string }) {
  const [page, setPage] = useState(0)
  const wanted = find.trim().toLowerCase()
  const found = clients.filter((c) => `${c.name} ${c.id} ${c.uri ?? ''} ${(c.redirects ?? []).join(' ')}`.toLowerCase().includes(wanted))
  const part = partOf(found, page, size)
  if (clients.length === 0) return null
  return (
    <Card title="Known clients" aside={<span className="dim small">being known opens nothing</span>} flush>
      {found.length === 0 ? <Empty title="No such client" /> : (
        <table className="table stacked clients">
          <thead><tr><th>Client</th><th>Known by</th><th>Sends codes to</th><th>Grants</th><th>Since</th><th>Used</th><th><span className="sr">Actions</span></th></tr></thead>
          <tbody>
            {part.rows.map((c) => (
              <tr key={c.id} data-client={c.id}>
                <td className="head"><strong><Short text={c.name || c.id} most={80} /></strong><code className="dim small client-id clip"><Short text={c.id} most={120} /></code></td>
                <td data-label="Known by"><span>{c.kind === 'document' ? 'its metadata document' : 'registering itself'}{c.secret && <span className="dim small"> with a secret</span>}</span></td>
                <td data-label="Sends codes to"><span className="stack redirects">{hosts(c).slice(0, 4).map((h) => <code key={h} className="small"><Short text={h} most={80} /></code>)}{hosts(c).length > 4 && <span className="dim small">and {hosts(c).length - 4} more</span>}</span></td>
                <td data-label="Grants">{c.grants}</td>
                <td data-label="Since"><Time at={c.created} /></td>
                <td data-label="Used"><Time at={c.used} none="never" /></td>
                <td className="acts"><Forget client={c} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Pager {...part} count={found.length} size={size} label="clients" onPage={setPage} />
    </Card>
  )
}

function Forget({ client: c }: { client: Client }) {
  const name = plain(c.name || c.id, 60)
  const revoke = useChange('client.revoke', { touches, done: (out) => `${name} is forgotten, ${plural(out.revoked?.length ?? 0, 'grant')} ended` })
  const run = async () => {
    if (await confirm({ title: `Forget ${name}?`, yes: 'Forget it', danger: true, body: <p className="soft">{c.grants > 0 ? `${plural(c.grants, 'grant')} of it end at once.` : 'It has no access.'} It may make itself known again.</p> })) await revoke.run({ id: c.id })
  }
  return <Button kind="ghost" busy={revoke.busy} onPress={() => void run()}>Forget<span className="sr"> {name}</span></Button>
}
