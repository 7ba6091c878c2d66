// SPDX-License-Identifier: Apache-2.0
import { useId, useState, type FormEvent } from 'react'

import { beside, Trouble } from '../api/errors.ts'
import { refreshEvery, useChange, useRead } from '../api/house.ts'
import type { RemoteServer } from '../api/words.ts'
import { plural } from '../lib/format.ts'
import { plain } from '../lib/shown.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { confirm } from '../ui/confirm.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { CloseIcon, EditIcon, LinkIcon, PlusIcon, ToolsIcon } from '../ui/icons.tsx'
import { Badge, Card, Code, Empty, Loaded } from '../ui/parts.tsx'
import { Short, Shown } from '../ui/shown.tsx'
import { Switch } from '../ui/switch.tsx'
import { TroubleCard } from '../ui/trouble.tsx'
import { serverTones } from './sources.tsx'

const touches = ['remote-mcp.list', 'tool.list']

/** Servers elsewhere whose tools the house offers as its own. */
export function Remotes() {
  const answer = useRead('remote-mcp.list', {}, { every: refreshEvery })
  const [open, setOpen] = useState<RemoteServer | 'new'>()
  const [asked, setAsked] = useState<{ name: string; url: string; note: string }>()
  return (
    <>
      <div className="row lead"><p className="soft small grow">The house calls these for its agents and clients. What their tools say of themselves is pinned at first sight.</p><Button kind="primary" icon={<PlusIcon size={15} />} onPress={() => setOpen('new')}>Add a server</Button></div>
      <Loaded answer={answer} lines={5}>
        {(d) => {
          const servers = d.servers ?? []
          if (servers.length === 0) return <Card><Empty title="No remote servers" icon={<ToolsIcon size={26} />}>Add one by its address; a key or an authorization goes with it where it wants one.</Empty></Card>
          return <ul className="stack">{servers.map((s) => <li key={s.server_id}><RemoteCard server={s} onEdit={() => setOpen(s)} onAsked={setAsked} /></li>)}</ul>
        }}
      </Loaded>
      {open && <RemoteDialog known={open === 'new' ? undefined : open} onClose={() => setOpen(undefined)} />}
      {asked && <Asked asked={asked} onClose={() => setAsked(undefined)} />}
    </>
  )
}

function RemoteCard({ server: s, onEdit, onAsked }: { server: RemoteServer; onEdit: () => void; onAsked: (asked: { name: string; url: string; note: string }) => void }) {
  const name = plain(s.server_id, 80)
  const set = useChange('remote-mcp.update', { touches, done: (_out, { enabled }) => `The tools of ${name} are ${enabled ? 'offered' : 'offered no more'}` })
  const remove = useChange('remote-mcp.delete', { touches, done: () => `${name} is gone` })
  const authorize = useChange('remote-mcp.authorize', { touches })
  const ask = async () => {
    const answer = await authorize.run({ name: s.server_id })
    if (answer) onAsked({ name, url: answer.authorization_url, note: answer.note })
  }
  const del = async () => {
    if (await confirm({ title: `Take ${name} away?`, yes: 'Take it away', danger: true, body: <p className="soft">{plural(s.tool_count, 'tool')} of it go{s.authorized ? ', and what authorizes the house there' : ''}.</p> })) await remove.run({ name: s.server_id })
  }
  return (
    <Card
      className="hub-card" title={<code><Short text={s.server_id} most={80} /></code>}
      aside={<div className="row">{s.state && <Badge tone={serverTones[s.state] ?? 'still'} dot>{s.state}</Badge>}{s.oauth && <Button icon={<LinkIcon size={15} />} busy={authorize.busy} onPress={() => void ask()}>{s.authorized ? 'Authorize anew' : 'Authorize'}<span className="sr"> {name}</span></Button>}<IconButton label={`Change ${name}`} onPress={onEdit}><EditIcon /></IconButton><IconButton label={`Take ${name} away`} isDisabled={remove.busy} onPress={() => void del()}><CloseIcon /></IconButton></div>}
    >
      <div className="row wrap hub-line">
        <Switch on={s.enabled} busy={set.busy} label={s.enabled ? 'Offered' : 'Off'} of={name} onChange={(enabled) => void set.run({ name: s.server_id, enabled })} />
        <span className="row hub-url"><code className="clip"><Short text={s.url} most={300} /></code></span>
        <span className="dim small nowrap">{plural(s.tool_count, 'tool')}</span>
      </div>
      <p className="row wrap small remote-about">
        {s.transport === 'sse' && <Badge>HTTP+SSE</Badge>}
        {s.key && <span className="soft">key <code><Short text={s.key} most={80} /></code></span>}
        {!!s.headers?.length && <span className="soft">headers {s.headers.map((h) => <code key={h} className="planned"><Short text={h} most={60} /></code>)}</span>}
        {s.oauth && (s.authorized ? <Badge tone="good">authorized</Badge> : <Badge tone="warn">not authorized yet</Badge>)}
      </p>
      {s.note && s.note !== s.error && <p className="note warn"><Shown text={s.note} most={600} /></p>}
      {s.error && <p className="note bad"><Shown text={s.error} most={1_000} /></p>}
    </Card>
  )
}

/** Where a person grants access; the address is the server's, so it is shown before it is gone to. */
function Asked({ asked, onClose }: { asked: { name: string; url: string; note: string }; onClose: () => void }) {
  const safe = /^https?:\/\//i.test(asked.url)
  return (
    <Dialog open alert wide onClose={onClose} title={`Authorize the house at ${asked.name}`} footer={<Button onPress={onClose}>Close</Button>}>
      <p className="soft small"><Shown text={asked.note} most={600} /></p>
      <Code value={asked.url} label="The page on which access is granted" />
      {safe ? <p><a className="button primary" href={asked.url} target="_blank" rel="noopener noreferrer">Open that page</a></p> : <p className="note bad">It is no web address, so it is not offered to be opened.</p>}
    </Dialog>
  )
}

interface Draft {
  url: string
  name: string
  key: string
  oauth: boolean
  sse: boolean
}

function RemoteDialog({ known, onClose }: { known: RemoteServer | undefined; onClose: () => void }) {
  const id = useId()
  const [draft, setDraft] = useState<Draft>({ url: known?.url ?? '', name: known?.server_id ?? '', key: known?.key ?? '', oauth: known?.oauth ?? false, sse: known?.transport === 'sse' })
  const add = useChange('remote-mcp.add', { touches, inline: true, done: (out) => `${plain(out.server_id, 80)} is added` })
  const update = useChange('remote-mcp.update', { touches, inline: true, done: (out) => `${plain(out.server_id, 80)} is changed` })
  const keys = Object.keys(useRead('keys.list', {}).data ?? {})
  const error = add.error ?? update.error
  const rest = beside(error, known ? ['url', 'key'] : ['url', 'name', 'key'])
  const problem = (field: string) => (error instanceof Trouble ? error.problem.problems?.find((p) => p.field === field)?.message : undefined)
  const set = <F extends keyof Draft>(field: F) => (value: Draft[F]) => setDraft((old) => ({ ...old, [field]: value }))
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const url = draft.url.trim()
    const key = draft.key.trim()
    const done = known
      ? await update.run({ name: known.server_id, ...(url === known.url ? {} : { url }), key, oauth: draft.oauth })
      : await add.run({ url, ...(draft.name.trim() ? { name: draft.name.trim() } : {}), transport: draft.sse ? 'sse' : 'auto', ...(key ? { key } : {}), oauth: draft.oauth })
    if (done) onClose()
  }
  return (
    <Dialog
      open alert wide onClose={onClose} title={known ? `Change ${plain(known.server_id, 80)}` : 'Add a remote server'}
      footer={<><Button onPress={onClose}>Cancel</Button><Button kind="primary" type="submit" form={id} busy={add.busy || update.busy}>{known ? 'Change' : 'Add'}</Button></>}
    >
      <form id={id} className="stack" onSubmit={(e) => void submit(e)} noValidate>
        <Field label="Address" value={draft.url} onChange={set('url')} problem={problem('url')} placeholder="https://mcp.example.com/mcp" hint={known?.authorized ? 'another address ends the authorization' : 'requests, and the key, go to this address and to no other'} focus />
        {!known && <Field label="Name" value={draft.name} onChange={set('name')} problem={problem('name')} placeholder="made of its host" />}
        <Field label="Key" value={draft.key} onChange={set('key')} problem={problem('key')} options={keys} placeholder="none" hint="the name of a key of .env, which is sent as a bearer token" />
        <Switch on={draft.oauth} label="It wants a person's authorization" hint="by OAuth; the house keeps the tokens" onChange={set('oauth')} />
        {!known && <Switch on={draft.sse} label="It speaks only HTTP+SSE" hint="the older transport; else the house finds out by itself" onChange={set('sse')} />}
      </form>
      {rest ? <TroubleCard error={rest} /> : null}
    </Dialog>
  )
}
