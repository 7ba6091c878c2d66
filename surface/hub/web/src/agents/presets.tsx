// SPDX-License-Identifier: Apache-2.0
import { useState } from 'react'

import { refreshEvery, useChange, useRead } from '../api/house.ts'
import type { Preset } from '../api/words.ts'
import { plural, short, span } from '../lib/format.ts'
import { plain } from '../lib/shown.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { confirm } from '../ui/confirm.tsx'
import { AgentsIcon, CloseIcon, EditIcon, PlusIcon } from '../ui/icons.tsx'
import { Card, Empty, Loaded } from '../ui/parts.tsx'
import { Short } from '../ui/shown.tsx'
import { Switch } from '../ui/switch.tsx'
import { presetTouches } from './common.ts'
import { PresetDialog } from './presetform.tsx'

/** Agents with a name, a prompt and tools of their own. */
export function Presets({ onOpen }: { onOpen: (name: string) => void }) {
  const answer = useRead('preset.list', {}, { every: refreshEvery })
  const [open, setOpen] = useState<Preset | 'new'>()
  return (
    <>
      <div className="row lead"><p className="soft small grow">A preset is asked as a model by its name: an agent with its own tools, its own prompt and its own bounds.</p><Button kind="primary" icon={<PlusIcon size={15} />} onPress={() => setOpen('new')}>New preset</Button></div>
      <Loaded answer={answer} lines={5}>
        {(d) => {
          const presets = d.presets ?? []
          if (presets.length === 0) return <Card><Empty title="No presets yet" icon={<AgentsIcon size={26} />}>Make one for each thing that an agent is to do, with the few tools it needs for that.</Empty></Card>
          return <ul className="agent-cards">{presets.map((p) => <li key={p.name}><PresetCard preset={p} onOpen={() => onOpen(p.name)} onEdit={() => setOpen(p)} /></li>)}</ul>
        }}
      </Loaded>
      {open && <PresetDialog known={open === 'new' ? undefined : open} onClose={() => setOpen(undefined)} />}
    </>
  )
}

function PresetCard({ preset: p, onOpen, onEdit }: { preset: Preset; onOpen: () => void; onEdit: () => void }) {
  const name = plain(p.name, 80)
  const set = useChange('preset.update', { touches: presetTouches, done: (_out, { enabled }) => `${name} ${enabled ? 'answers' : 'answers no more'}` })
  const remove = useChange('preset.delete', { touches: presetTouches, done: () => `${name} is gone` })
  const del = async () => {
    if (await confirm({ title: `Delete the preset ${name}?`, yes: 'Delete', danger: true, body: <p className="soft">Who asks for it as a model is refused from then on. Tools stay.</p> })) await remove.run({ name: p.name })
  }
  const bounds = [p.budget.steps ? plural(p.budget.steps, 'step') : '', p.budget.tokens ? `${short(p.budget.tokens)} tokens` : '', p.budget.seconds ? span(p.budget.seconds) : ''].filter(Boolean).join(', ')
  return (
    <Card
      title={p.enabled && !p.problem ? <button type="button" className="link-button" onClick={onOpen}><code><Short text={p.name} most={80} /></code></button> : <code><Short text={p.name} most={80} /></code>}
      aside={<><IconButton label={`Change ${name}`} onPress={onEdit}><EditIcon /></IconButton><IconButton label={`Delete ${name}`} isDisabled={remove.busy} onPress={() => void del()}><CloseIcon /></IconButton></>}
    >
      {p.problem && <p className="note bad">It cannot be used: <Short text={p.problem} most={300} /></p>}
      {p.warnings?.map((w) => <p className="note warn" key={w}><Short text={w} most={300} /></p>)}
      <dl className="facts">
        <div><dt>Made of</dt><dd><code><Short text={p.base_agent} most={60} /></code></dd></div>
        <div><dt>Asks</dt><dd>{p.alias ? <code><Short text={p.alias} most={60} /></code> : <span className="dim">as set for all</span>}</dd></div>
        <div><dt>Tools</dt><dd>{plural(p.tool_count, 'tool')}</dd></div>
        <div><dt>A request</dt><dd>{bounds || <span className="dim">as set for all</span>}</dd></div>
      </dl>
      {p.system_prompt && <p className="soft small prompt-line"><Short text={p.system_prompt} most={220} /></p>}
      <div className="row"><Switch on={p.enabled} busy={set.busy} label={p.enabled ? 'On' : 'Off'} of={name} onChange={(enabled) => void set.run({ name: p.name, enabled })} /></div>
    </Card>
  )
}
