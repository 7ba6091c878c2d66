// SPDX-License-Identifier: Apache-2.0
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'

import { refreshEvery, useChange, useRead } from '../api/house.ts'
import type { Unit } from '../api/words.ts'
import { plural } from '../lib/format.ts'
import { isStill, isTroubled, isUp, unitTone } from '../lib/states.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { confirm } from '../ui/confirm.tsx'
import { LogIcon, PlayIcon, RestartIcon, StopIcon, UnitsIcon } from '../ui/icons.tsx'
import { LogDrawer } from '../ui/log.tsx'
import { Badge, Card, Empty, Loaded, Page, Search, Segments, Time } from '../ui/parts.tsx'

type Show = 'all' | 'up' | 'trouble' | 'still'

const shows: Record<Show, (u: Unit) => boolean> = {
  all: () => true,
  up: (u) => isUp(u.state),
  trouble: (u) => isTroubled(u.state),
  still: (u) => isStill(u.state),
}

export function Units() {
  const answer = useRead('unit.list', {}, { every: refreshEvery })
  const { log } = useSearch({ from: '/units' })
  const navigate = useNavigate({ from: '/units' })
  const [text, setText] = useState('')
  const [show, setShow] = useState<Show>('all')
  const units = useMemo(() => (answer.data?.units ?? []).toSorted((a, b) => a.name.localeCompare(b.name)), [answer.data])
  const count = (s: Show) => units.filter(shows[s]).length
  const shown = units.filter((u) => shows[show](u) && `${u.name} ${u.owner} ${u.state}`.toLowerCase().includes(text.toLowerCase()))
  const openLog = (unit: string | undefined) => void navigate({ search: unit ? { log: unit } : {} })
  return (
    <Page title="Units" about={answer.data ? `${count('up')} of ${plural(units.length, 'unit')} up` : 'What is kept running'}>
      <div className="filters">
        <Search value={text} onChange={setText} label="Find a unit" />
        <Segments
          label="Which units" value={show} onChange={setShow}
          options={[
            { value: 'all', text: `All ${units.length}` }, { value: 'up', text: `Up ${count('up')}` },
            { value: 'trouble', text: `Trouble ${count('trouble')}` }, { value: 'still', text: `Stopped ${count('still')}` },
          ]}
        />
      </div>
      <Loaded answer={answer} lines={8}>
        {() =>
          units.length === 0 ? (
            <Card><Empty title="No units yet" icon={<UnitsIcon size={26} />}>Name some in <code>holdfast.yaml</code>, or install an extension.</Empty></Card>
          ) : shown.length === 0 ? (
            <Card><Empty title="No unit fits">Change the filter to see more.</Empty></Card>
          ) : (
            <Card flush>
              <table className="table units">
                <thead>
                  <tr><th>Unit</th><th>State</th><th>Since</th><th className="right">Restarts</th><th className="right">Port</th><th><span className="sr">Actions</span></th></tr>
                </thead>
                <tbody>{shown.map((u) => <UnitRow key={u.name} unit={u} onLog={() => openLog(u.name)} />)}</tbody>
              </table>
            </Card>
          )
        }
      </Loaded>
      <LogDrawer unit={units.find((u) => u.name === log)} name={log} known={!!answer.data} onClose={() => openLog(undefined)} />
    </Page>
  )
}

function UnitRow({ unit, onLog }: { unit: Unit; onLog: () => void }) {
  return (
    <tr>
      <td className="unit-name">
        <button type="button" className="link-button" onClick={onLog}>{unit.name}</button>
        <span className="dim small">{unit.owner}</span>
      </td>
      <td className="unit-state">
        <Badge tone={unitTone(unit.state)} dot>{unit.state}</Badge>
        {unit.detail && <span className="soft small unit-detail">{unit.detail}</span>}
      </td>
      <td data-label="Since"><Time at={unit.since} /></td>
      <td data-label="Restarts" className="right">{unit.restarts}</td>
      <td data-label="Port" className="right">{unit.port ? unit.port : <span className="dim">–</span>}</td>
      <td className="unit-actions"><UnitButtons unit={unit} onLog={onLog} /></td>
    </tr>
  )
}

const touches = ['unit.list', 'house.status']

function UnitButtons({ unit, onLog }: { unit: Unit; onLog: () => void }) {
  const start = useChange('unit.start', { touches, done: () => `${unit.name} is started` })
  const stop = useChange('unit.stop', { touches, done: () => `${unit.name} is stopped, and held until you start it` })
  const restart = useChange('unit.restart', { touches, done: () => `${unit.name} is restarted` })
  const busy = start.busy || stop.busy || restart.busy
  const askRestart = async () => {
    const yes = await confirm({ title: `Restart ${unit.name}?`, body: <p className="soft">It is asked to end, then started again. What it is doing now ends.{unit.owner === 'house' && ' It belongs to the house itself: this page may lose it for a moment.'}</p>, yes: 'Restart' })
    if (yes) await restart.run({ unit: unit.name })
  }
  const askStop = async () => {
    const yes = await confirm({ title: `Stop ${unit.name}?`, body: <p className="soft">It is held: nothing starts it again until you do, not even a restart of the house.</p>, yes: 'Stop', danger: true })
    if (yes) await stop.run({ unit: unit.name })
  }
  return (
    <div className="row">
      {isStill(unit.state) || unit.state === 'failed' ? (
        <Button icon={<PlayIcon size={15} />} busy={busy} onPress={() => void start.run({ unit: unit.name })}>Start</Button>
      ) : (
        <>
          <Button icon={<RestartIcon size={15} />} busy={busy} aria-label={`Restart ${unit.name}`} onPress={() => void askRestart()}>Restart</Button>
          <IconButton label={`Stop ${unit.name}`} isDisabled={busy} onPress={() => void askStop()}><StopIcon /></IconButton>
        </>
      )}
      <IconButton label={`Log of ${unit.name}`} onPress={onLog}><LogIcon /></IconButton>
    </div>
  )
}
