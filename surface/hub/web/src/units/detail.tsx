// SPDX-License-Identifier: Apache-2.0
import { lazy, Suspense, useRef, type ReactNode } from 'react'

import { useRead } from '../api/house.ts'
import { back, reach, useHour, type Usage } from '../api/usage.ts'
import type { Output } from '../api/client.ts'
import type { Unit } from '../api/words.ts'
import { bytes, isTime, plural } from '../lib/format.ts'
import { scaleTop } from '../lib/spark.ts'
import { isUp } from '../lib/states.ts'
import { cores, coresInWords, explain } from '../lib/unitwords.ts'
import { Drawer } from '../ui/dialog.tsx'
import { Code, Copy, Empty, Skeleton, Time } from '../ui/parts.tsx'
import { Said } from '../ui/said.tsx'
import { StateBadge } from '../ui/stateicon.tsx'
import { TroubleCard } from '../ui/trouble.tsx'
import { useUnitActions, WideButtons } from './actions.tsx'
import { Since, useNow } from './clock.tsx'
import { History } from './history.tsx'

const LineChart = lazy(() => import('../ui/linechart.tsx').then((m) => ({ default: m.LineChart })))

interface Props {
  name: string | undefined
  units: Unit[]
  known: boolean
  usage: Usage
  onClose: () => void
  onOpen: (name: string) => void
  onLog: (name: string) => void
}

/** All that is known of one unit. */
export function DetailDrawer({ name, units, known, usage, onClose, onOpen, onLog }: Props) {
  // The name stays while the drawer slides away.
  const last = useRef(name)
  if (name) last.current = name
  const shown = last.current
  const unit = units.find((u) => u.name === shown)
  return (
    <Drawer open={!!name} onClose={onClose} title={shown ?? ''} wide actions={unit && <StateBadge state={unit.state} />}>
      {known && !unit && <Empty title={`There is no unit ${shown ?? ''}`}>It may have been renamed, or its extension is gone.</Empty>}
      {unit && <Detail key={unit.name} unit={unit} units={units} usage={usage} onOpen={onOpen} onLog={onLog} />}
    </Drawer>
  )
}

function Detail({ unit, units, usage, onOpen, onLog }: { unit: Unit; units: Unit[]; usage: Usage; onOpen: (name: string) => void; onLog: (name: string) => void }) {
  const act = useUnitActions(unit, true)
  const shown = useRead('unit.show', { unit: unit.name })
  return (
    <div className="drawer-body stack unit-detail-body">
      <Standing unit={unit} />
      <WideButtons unit={unit} act={act} onLog={() => onLog(unit.name)} />
      {act.error && <TroubleCard error={act.error} />}
      <Resources unit={unit} usage={usage} />
      <Facts unit={unit} usage={usage} units={units} onOpen={onOpen} more={shown.data} />
      {shown.error ? <TroubleCard error={shown.error} retry={() => void shown.refetch()} /> : null}
      <Past unit={unit} />
      {shown.data && <Bounds unit={unit} more={shown.data} />}
      {shown.data && <Launch unit={unit} more={shown.data} />}
    </div>
  )
}

/** Why it stands so, and what comes next. */
function Standing({ unit }: { unit: Unit }) {
  const said = explain(unit, useNow())
  if (!said) return null
  return (
    <div className="standing">
      {said.why && <p><strong><Said text={said.why} /></strong></p>}
      {said.next && <p className="soft">{said.next}</p>}
    </div>
  )
}

/** Marks of a scale of bytes stand at round numbers of them. */
const powers = Array.from({ length: 30 }, (_, i) => 2 ** (i + 12))

function Resources({ unit, usage }: { unit: Unit; usage: Usage }) {
  const used = usage.units.get(unit.name)
  const { at, cpu, memory } = useHour(unit.name, usage)
  if (!used || used.processes === 0) return null
  const axis = { times: at, from: usage.now - back({ now: usage.now, begin: at[0] ?? usage.now }, reach), to: usage.now }
  return (
    <section className="resources">
      <figure>
        <figcaption><span className="dim small">CPU</span> <strong>{cores(used.cpu)}</strong> <span className="dim small">of one core</span></figcaption>
        <Suspense fallback={<Skeleton lines={1} height={132} />}><LineChart {...axis} values={cpu} top={scaleTop(cpu, 0.05)} say={cores} label="CPU" /></Suspense>
      </figure>
      <figure>
        <figcaption><span className="dim small">Memory</span> <strong>{bytes(used.memory)}</strong> <span className="dim small">in {plural(used.processes, 'process', 'processes')}</span></figcaption>
        <Suspense fallback={<Skeleton lines={1} height={132} />}><LineChart {...axis} values={memory} top={scaleTop(memory, 8 << 20)} say={bytes} label="Memory" steps={powers} /></Suspense>
      </figure>
    </section>
  )
}

const Fact = ({ name, wide, children }: { name: string; wide?: boolean; children: ReactNode }) => <div className={wide ? 'wide' : ''}><dt>{name}</dt><dd>{children}</dd></div>

type Shown = Output<'unit.show'>

function Facts({ unit, usage, units, onOpen, more }: { unit: Unit; usage: Usage; units: Unit[]; onOpen: (name: string) => void; more: Shown | undefined }) {
  const neededBy = units.filter((u) => u.needs?.includes(unit.name)).map((u) => u.name)
  const used = usage.units.get(unit.name)
  return (
    <section className="stack">
      <dl className="facts">
        <Fact name="Owner">{unit.owner}</Fact>
        <Fact name="Kind">{unit.kind ?? 'process'}{unit.worker && ', a worker'}</Fact>
        <Fact name={isUp(unit.state) ? 'Up for' : 'So since'}>{isTime(unit.since) ? <Since at={unit.since} /> : '–'}</Fact>
        <Fact name="Restarts">{unit.restarts} in the last hour</Fact>
        {unit.pid ? <Fact name="Process">{unit.pid}{used && used.processes > 1 && ` and ${used.processes - 1} below it`}</Fact> : null}
        {unit.port ? <Fact name="Port">{unit.port}</Fact> : null}
        {isTime(unit.last_check) && <Fact name="Last check"><Time at={unit.last_check} />{more && isUp(unit.state) && (more.healthy ? ', healthy' : ', not healthy')}</Fact>}
        {more && <Fact name="When it ends">{more.restart === 'never' ? 'stays down' : more.restart === 'on-failure' ? 'starts again after a failure' : 'starts again'}</Fact>}
        <Needs name="Needs" units={unit.needs ?? []} said={more?.needs ?? []} onOpen={onOpen} />
        <Needs name="Needed by" units={neededBy} said={[]} onOpen={onOpen} />
      </dl>
    </section>
  )
}

/** Other units by name; what the declaration says of how far they must have come stands behind them. */
function Needs({ name, units, said, onOpen }: { name: string; units: string[]; said: string[]; onOpen: (name: string) => void }) {
  if (units.length === 0) return null
  const until = (unit: string) => said.find((s) => s.startsWith(`${unit}: `))?.slice(unit.length + 2)
  return (
    <Fact name={name} wide>
      <span className="row wrap">
        {units.map((u) => <span key={u}><button type="button" className="link-button" onClick={() => onOpen(u)}>{u}</button>{until(u) && <span className="dim small"> {until(u)}</span>}</span>)}
      </span>
    </Fact>
  )
}

/** Quotes a word where a shell would take it apart. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

/** What bounds it and what it may reach, and what of that this machine does not enforce. */
function Bounds({ unit, more: { limits, sandbox, user } }: { unit: Unit; more: Shown }) {
  return (
    <section className="stack">
      <h3>What it may use</h3>
      <dl className="facts">
        {user && <Fact name="Runs as">{user}</Fact>}
        {limits?.memory && <Fact name="Memory">up to {limits.memory}</Fact>}
        {limits?.cpu && <Fact name="CPU">up to {coresInWords(limits.cpu)}</Fact>}
        {limits?.processes && <Fact name="Processes">up to {limits.processes}</Fact>}
        {limits?.nofile && <Fact name="Open files">up to {limits.nofile} each</Fact>}
        {limits?.nice && <Fact name="Priority">nice {limits.nice}</Fact>}
        {!limits && <Fact name="Limits">none</Fact>}
        <Fact name="Sandbox">{sandbox ? `on, network ${sandbox.network === 'off' ? 'off' : 'on'}, no new privileges` : 'none: it is as free as the house'}</Fact>
        <Paths name="Reads, beside the system's programs" list={sandbox?.read} />
        <Paths name="Reads and writes" list={sandbox?.write} />
      </dl>
      {!!unit.lacks?.length && (
        <div className="note warn">
          <strong>This machine does not enforce all of it</strong>
          <ul className="bullets">{unit.lacks.map((l) => <li key={l}>{l}</li>)}</ul>
        </div>
      )}
    </section>
  )
}

const Paths = ({ name, list }: { name: string; list: string[] | null | undefined }) =>
  list && list.length > 0 ? <Fact name={name} wide><ul>{list.map((p) => <li key={p}><code>{p}</code></li>)}</ul></Fact> : null

/** How it is started. */
function Launch({ unit, more: { run, dir, secrets, launch } }: { unit: Unit; more: Shown }) {
  return (
    <section className="stack">
      <h3>How it is started</h3>
      {run && run.length > 0 && <Code value={run.map(quoted).join(' ')} label="What is run" />}
      <dl className="facts">
        <Fact name="In" wide><code>{dir}</code></Fact>
        {secrets && secrets.length > 0 && <Fact name="Receives the keys" wide>{secrets.map((s) => <code key={s} className="key">{s}</code>)}</Fact>}
        {unit.log && <Fact name="Log" wide><code>{unit.log}</code></Fact>}
        {launch && <Fact name="Launch" wide><span className="row"><code className="hash">{launch}</code><Copy text={launch} label="Copy the name of the launch" /></span></Fact>}
      </dl>
    </section>
  )
}

function Past({ unit }: { unit: Unit }) {
  const answer = useRead('unit.history', { unit: unit.name, limit: 200 })
  return (
    <section>
      <h3>What became of it</h3>
      {answer.error ? <TroubleCard error={answer.error} retry={() => void answer.refetch()} /> : answer.data ? <History changes={answer.data.changes ?? []} state={unit.state} /> : <Skeleton lines={3} />}
    </section>
  )
}

