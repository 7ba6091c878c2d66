// SPDX-License-Identifier: Apache-2.0
import '../styles/keys.css'

import { Link } from '@tanstack/react-router'
import { useState } from 'react'

import { refreshEvery, useChange, useRead } from '../api/house.ts'
import type { ApiKey } from '../api/words.ts'
import { isTime, plural, short } from '../lib/format.ts'
import { KeyDialog } from '../keys/form.tsx'
import { ShownOnce, type Fresh } from '../keys/shown.tsx'
import { RotateDialog } from '../keys/rotate.tsx'
import { Button, IconButton } from '../ui/button.tsx'
import { CloseIcon, EditIcon, KeyIcon, PlusIcon, RestartIcon } from '../ui/icons.tsx'
import { Badge, Card, Empty, Loaded, Page, Time } from '../ui/parts.tsx'

/** What is open on the page, beside the list. */
type Open = { what: 'new' } | { what: 'edit' | 'rotate'; key: ApiKey } | { what: 'fresh'; fresh: Fresh }

export const touches = ['key.list']

export function Keys() {
  const list = useRead('key.list', {}, { every: refreshEvery })
  const [open, setOpen] = useState<Open>()
  const close = () => setOpen(undefined)
  const fresh = (made: Fresh) => setOpen({ what: 'fresh', fresh: made })
  const keys = list.data?.keys ?? []
  return (
    <Page
      title="Keys" about={list.data ? `${plural(keys.length, 'key opens', 'keys open')} models, agents and tools to programs` : 'Who may call models, agents and tools'}
      actions={<Button kind="primary" icon={<PlusIcon size={15} />} onPress={() => setOpen({ what: 'new' })}>New key</Button>}
    >
      <Loaded answer={list} lines={6}>{(d) => <List keys={d.keys ?? []} onOpen={setOpen} />}</Loaded>
      <p className="dim small">A key is shown once, when it is made. What a key may spend is set under <Link to="/tokens" search={{ view: 'budgets' }}>Budgets</Link>. Secrets in <code>.env</code> are another matter: <code>holdfast keys list</code></p>
      {open?.what === 'new' && <KeyDialog onClose={close} onMade={fresh} />}
      {open?.what === 'edit' && <KeyDialog known={open.key} onClose={close} onMade={fresh} />}
      {open?.what === 'rotate' && <RotateDialog known={open.key} onClose={close} onMade={fresh} />}
      {open?.what === 'fresh' && <ShownOnce fresh={open.fresh} onClose={close} />}
    </Page>
  )
}

function List({ keys, onOpen }: { keys: ApiKey[]; onOpen: (open: Open) => void }) {
  const revoke = useChange('key.revoke', { touches, done: (_out, { name }) => `${name} is revoked: it opens nothing from now on` })
  if (keys.length === 0) return <Card><Empty title="No keys" icon={<KeyIcon size={26} />}>Make one for each program, so that each can be limited and revoked alone.</Empty></Card>
  return (
    <Card flush>
      <table className="table stacked keys">
        <thead><tr><th>Key</th><th>Bearer</th><th>Models</th><th>A minute</th><th>Expires</th><th>Last used</th><th><span className="sr">Actions</span></th></tr></thead>
        <tbody>
          {keys.map((k) => (
            <tr key={k.name} data-key={k.name}>
              <td className="head"><span className="row wrap"><strong>{k.name}</strong>{k.state === 'expired' && <Badge tone="bad">expired</Badge>}{k.source === '.env' && <Badge>.env</Badge>}</span><code className="dim small">{k.hint}</code></td>
              <td data-label="Bearer"><span>{k.owner || <span className="dim">as itself</span>}{k.tenant && <span className="dim small"> of {k.tenant}</span>}</span></td>
              <td data-label="Models">{k.models?.length ? <span className="key-models">{k.models.map((m) => <code key={m}>{m}</code>)}</span> : <span className="dim">all</span>}</td>
              <td data-label="A minute"><Rates known={k} /></td>
              <td data-label="Expires"><Time at={k.expires} none="never" /></td>
              <td data-label="Last used"><Time at={k.used} none="never" /></td>
              <td className="acts"><Acts known={k} busy={revoke.busy} onOpen={onOpen} onRevoke={() => void revoke.run({ name: k.name })} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
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
