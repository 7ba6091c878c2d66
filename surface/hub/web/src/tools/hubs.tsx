// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react'

import { refreshEvery, useChange, useRead } from '../api/house.ts'
import type { McpHub, Tool, ToolServer } from '../api/words.ts'
import { plural, whole } from '../lib/format.ts'
import { plain } from '../lib/shown.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { confirm } from '../ui/confirm.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { CloseIcon, EditIcon, KeyIcon, PlusIcon, ToolsIcon } from '../ui/icons.tsx'
import { Badge, Card, Code, Copy, Empty, Loaded } from '../ui/parts.tsx'
import { Short } from '../ui/shown.tsx'
import { Switch } from '../ui/switch.tsx'
import { hubTouches } from './common.ts'
import { HubDialog } from './hubform.tsx'

/** Named sets of tools, each with an address and a key of its own. */
export function Hubs({ tools, servers }: { tools: Tool[]; servers: ToolServer[] }) {
  const answer = useRead('mcp-hub.list', {}, { every: refreshEvery })
  const base = useRead('house.status', {}).data?.url ?? ''
  const [open, setOpen] = useState<McpHub | 'new'>()
  const [fresh, setFresh] = useState<{ name: string; key: string; in: string }>()
  return (
    <>
      <div className="row lead"><p className="soft small grow">A hub shows a client some tools instead of all: for a program that needs three, or one that speaks to one server alone.</p><Button kind="primary" icon={<PlusIcon size={15} />} onPress={() => setOpen('new')}>New hub</Button></div>
      <Loaded answer={answer} lines={5}>
        {(d) => {
          const hubs = d.hubs ?? []
          if (hubs.length === 0) return <Card><Empty title="No hubs yet" icon={<ToolsIcon size={26} />}>Clients see all that is in MCP at <code>/api/mcp</code>; a hub gives one of them less.</Empty></Card>
          return <ul className="stack">{hubs.map((h) => <li key={h.name}><HubCard hub={h} base={base} onEdit={() => setOpen(h)} onKey={setFresh} /></li>)}</ul>
        }}
      </Loaded>
      {open && <HubDialog known={open === 'new' ? undefined : open} tools={tools} servers={servers} onClose={() => setOpen(undefined)} />}
      {fresh && <KeyOnce fresh={fresh} base={base} onClose={() => setFresh(undefined)} />}
    </>
  )
}

const offersMost = 60

function HubCard({ hub: h, base, onEdit, onKey }: { hub: McpHub; base: string; onEdit: () => void; onKey: (fresh: { name: string; key: string; in: string }) => void }) {
  const name = plain(h.name, 80)
  const set = useChange('mcp-hub.update', { touches: hubTouches, done: (_out, { enabled }) => `${name} ${enabled ? 'answers' : 'answers no more'}` })
  const key = useChange('mcp-hub.key', { touches: hubTouches })
  const remove = useChange('mcp-hub.delete', { touches: hubTouches, done: () => `${name} is gone; keys restore brings its key back for 30 days` })
  const offers = h.offers ?? []
  const rekey = async () => {
    if (h.key_set && !(await confirm({ title: `Give ${name} another key?`, yes: 'Make a key', danger: true, body: <p className="soft">The key it has opens nothing from then on. The new one is shown once.</p> }))) return
    const made = await key.run({ name: h.name })
    if (made) onKey(made)
  }
  const del = async () => {
    if (await confirm({ title: `Delete the hub ${name}?`, yes: 'Delete', danger: true, body: <p className="soft">Its address answers nobody from then on, and its key goes. Tools stay.</p> })) await remove.run({ name: h.name })
  }
  return (
    <Card
      className="hub-card" title={<code><Short text={h.name} most={80} /></code>}
      aside={<div className="row"><Button icon={<KeyIcon size={15} />} busy={key.busy} onPress={() => void rekey()}>{h.key_set ? 'New key…' : 'Make a key'}<span className="sr"> for {name}</span></Button><IconButton label={`Change ${name}`} onPress={onEdit}><EditIcon /></IconButton><IconButton label={`Delete ${name}`} isDisabled={remove.busy} onPress={() => void del()}><CloseIcon /></IconButton></div>}
    >
      <div className="row wrap hub-line">
        <Switch on={h.enabled} busy={set.busy} label={h.enabled ? 'Answers' : 'Off'} of={name} onChange={(enabled) => void set.run({ name: h.name, enabled })} />
        <span className="row hub-url"><code className="clip">{base + h.url}</code><Copy text={base + h.url} label={`Copy the address of ${name}`} /></span>
        {h.problem ? <Badge tone="bad">does not answer</Badge> : h.key_set ? <Badge tone="good">key in {h.key_in?.includes('.env') ? '.env' : <Short text={h.key_in} most={40} />}</Badge> : <Badge tone="warn">no key: it opens to none</Badge>}
        {!h.prefix && <Badge tone="calm">own names</Badge>}
      </div>
      {h.problem && <p className="note bad"><Short text={h.problem} most={400} /></p>}
      {h.warnings?.map((w) => <p className="note warn" key={w}><Short text={w} most={300} /></p>)}
      <p className="small soft">{h.upstreams?.length ? <>From {h.upstreams.map((u, i) => <code key={u} className="planned">{i > 0 && ' '}<Short text={u} most={60} /></code>)}</> : 'From all sources'}</p>
      <details className="schema"><summary>{plural(offers.length, 'tool')} offered</summary><p className="offers">{offers.slice(0, offersMost).map((o) => <code key={o}>{plain(o, 80)}</code>)}{offers.length > offersMost && <span className="dim small">and {whole(offers.length - offersMost)} more</span>}</p></details>
    </Card>
  )
}

/** A hub's key, for the only time. */
function KeyOnce({ fresh, base, onClose }: { fresh: { name: string; key: string; in: string }; base: string; onClose: () => void }) {
  const client = { mcpServers: { [fresh.name]: { url: `${base}/mcp/${fresh.name}`, headers: { Authorization: `Bearer ${fresh.key}` } } } }
  return (
    <Dialog open alert wide onClose={onClose} title={`The key of ${plain(fresh.name, 80)}`} footer={<Button kind="primary" onPress={onClose}>I have kept it</Button>}>
      <p className="note warn">It is shown now and not again. It stands as {fresh.in}.</p>
      <Code value={fresh.key} label="The key" />
      <div><p className="small dim">What a client needs</p><Code value={client} label="Client configuration" /></div>
    </Dialog>
  )
}
