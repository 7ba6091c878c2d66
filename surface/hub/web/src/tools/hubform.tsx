// SPDX-License-Identifier: Apache-2.0
import { useId, useState, type FormEvent } from 'react'

import { beside, Trouble } from '../api/errors.ts'
import { useChange } from '../api/house.ts'
import type { McpHub, Tool, ToolServer } from '../api/words.ts'
import { readConfig, type ToolConfig } from '../lib/selection.ts'
import { plain } from '../lib/shown.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { Switch } from '../ui/switch.tsx'
import { TroubleCard } from '../ui/trouble.tsx'
import { hubTouches } from './common.ts'
import { ToolPicker } from './picker.tsx'

/** Whose tool it is, by the name that a hub calls its source. */
const ownerOf = (t: Tool): string => t.extension || (t.source === 'house' ? 'house' : t.source.replace(/^\S+ /, ''))

/** Makes a hub, or changes what one shows. */
export function HubDialog({ known, tools, servers, onClose }: { known: McpHub | undefined; tools: Tool[]; servers: ToolServer[]; onClose: () => void }) {
  const id = useId()
  const [name, setName] = useState(known?.name ?? '')
  const [from, setFrom] = useState<string[]>(known?.upstreams ?? [])
  const [prefix, setPrefix] = useState(known?.prefix ?? true)
  const [config, setConfig] = useState<ToolConfig>(() => readConfig(known?.tool_config.tools))
  const add = useChange('mcp-hub.add', { touches: hubTouches, inline: true, done: () => `${plain(name, 80)} is made; give it a key` })
  const update = useChange('mcp-hub.update', { touches: hubTouches, inline: true, done: () => `${plain(name, 80)} is changed` })
  const error = add.error ?? update.error
  const rest = beside(error, known ? ['upstreams'] : ['name', 'upstreams'])
  const problem = (field: string) => (error instanceof Trouble ? error.problem.problems?.find((p) => p.field === field)?.message : undefined)
  const sources = [...new Set([...servers.map((s) => s.extension || s.name), ...from, 'house'])]
  const toggle = (one: string) => {
    const next = from.includes(one) ? from.filter((f) => f !== one) : [...from, one]
    setFrom(next)
    if (next.length !== 1) setPrefix(true)
  }
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const input = { name: name.trim(), upstreams: from.length > 0 ? from : ['*'], prefix, tool_config: config }
    const done = known ? await update.run(input) : await add.run(input)
    if (done) onClose()
  }
  const inHub = tools.filter((t) => from.length === 0 || from.includes(ownerOf(t)))
  return (
    <Dialog
      open alert wide onClose={onClose} title={known ? `Change ${plain(known.name, 80)}` : 'New hub'}
      footer={<><Button onPress={onClose}>Cancel</Button><Button kind="primary" type="submit" form={id} busy={add.busy || update.busy}>{known ? 'Change' : 'Make the hub'}</Button></>}
    >
      <form id={id} className="stack" onSubmit={(e) => void submit(e)} noValidate>
        {!known && <Field label="Name" value={name} onChange={setName} problem={problem('name')} hint="letters, digits, - and _; it stands in the address" focus />}
        <div className="field">
          <span>Sources</span>
          <span className="row wrap toggles">{sources.map((s) => <button key={s} type="button" className="toggle" aria-pressed={from.includes(s)} onClick={() => toggle(s)}>{plain(s, 60)}</button>)}</span>
          <span className="dim">{from.length === 0 ? 'none picked: all' : ''}{problem('upstreams')}</span>
        </div>
        {from.length === 1 && <Switch on={!prefix} label="By its own names" hint="the one source is shown unchanged: its names, its words, its answers" onChange={(own) => setPrefix(!own)} />}
        <div className="field"><span>Tools</span><ToolPicker tools={inHub} config={config} onChange={setConfig} /></div>
      </form>
      {rest ? <TroubleCard error={rest} /> : null}
    </Dialog>
  )
}
