// SPDX-License-Identifier: Apache-2.0
import '../styles/units.css'

import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo, useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import { useUsage, type Usage } from '../api/usage.ts'
import type { Unit } from '../api/words.ts'
import { bytes, plural } from '../lib/format.ts'
import { isStill, isTroubled, isUp } from '../lib/states.ts'
import { found, nextSort, type Group, type Sort, type SortKey } from '../lib/unitlist.ts'
import { coresInWords } from '../lib/unitwords.ts'
import { UnitsIcon } from '../ui/icons.tsx'
import { Page } from '../ui/page.tsx'
import { Card, Empty, Loaded, Search, Segments } from '../ui/parts.tsx'
import { DetailDrawer } from '../units/detail.tsx'
import { Graph } from '../units/graph.tsx'
import { LogDrawer, MergedLogs } from '../units/logs.tsx'
import { UnitTable } from '../units/table.tsx'

type Show = 'all' | 'up' | 'trouble' | 'still'

const shows: Record<Show, (u: Unit) => boolean> = {
  all: () => true,
  up: (u) => isUp(u.state),
  trouble: (u) => isTroubled(u.state),
  still: (u) => isStill(u.state),
}

const views = ['list', 'graph', 'logs'] as const
type View = (typeof views)[number]

const sorts: Record<SortKey, string> = { name: 'Name', state: 'Trouble first', cpu: 'Most CPU', memory: 'Most memory', since: 'Longest', restarts: 'Most restarts' }

export function Units() {
  const answer = useRead('unit.list', {}, { every: refreshEvery })
  const { usage } = useUsage()
  const search = useSearch({ from: '/units' })
  const navigate = useNavigate({ from: '/units' })
  const [text, setText] = useState('')
  const [show, setShow] = useState<Show>('all')
  const [group, setGroup] = useState<Group>('none')
  const [sort, setSort] = useState<Sort>({ key: 'name', down: false })
  const units = useMemo(() => (answer.data?.units ?? []).toSorted((a, b) => a.name.localeCompare(b.name)), [answer.data])
  const fitting = useMemo(() => units.filter((u) => shows[show](u) && found(u, text)), [units, show, text])
  const count = (s: Show) => units.filter(shows[s]).length
  const view = views.find((v) => v === search.view) ?? 'list'
  const go = useCallback((change: { view?: View; log?: string; unit?: string }) => void navigate({
    search: (old) => {
      const { view: v, log, unit } = { ...old, log: undefined, unit: undefined, ...change }
      return { ...(v && v !== 'list' ? { view: v } : {}), ...(log ? { log } : {}), ...(unit ? { unit } : {}) }
    },
  }), [navigate])
  const openUnit = useCallback((unit: string) => go({ unit }), [go])
  const openLog = useCallback((log: string) => go(view === 'logs' ? { view: 'list', log } : { log }), [go, view])
  const chosen = useMemo(() => (search.log ?? '').split(',').filter(Boolean), [search.log])
  return (
    <Page
      title="Units" about={<About units={units} usage={usage} known={!!answer.data} />}
      actions={<Segments label="View" value={view} onChange={(v) => go({ view: v })} options={[{ value: 'list', text: 'List' }, { value: 'graph', text: 'Graph' }, { value: 'logs', text: 'Logs' }]} />}
    >
      {view !== 'logs' && (
        <div className="filters">
          <Search value={text} onChange={setText} label="Find a unit" />
          <Segments
            label="Which units" value={show} onChange={setShow}
            options={[
              { value: 'all', text: `All ${units.length}` }, { value: 'up', text: `Up ${count('up')}` },
              { value: 'trouble', text: `Trouble ${count('trouble')}` }, { value: 'still', text: `Stopped ${count('still')}` },
            ]}
          />
          {view === 'list' && (
            <>
              <select className="input pick" aria-label="Group" value={group} onChange={(e) => setGroup(e.target.value as Group)}>
                <option value="none">No groups</option><option value="owner">By owner</option><option value="state">By state</option>
              </select>
              <select className="input pick sort-pick" aria-label="Order" value={sort.key} onChange={(e) => setSort(nextSort({ key: 'name', down: false }, e.target.value as SortKey))}>
                {Object.entries(sorts).map(([key, words]) => <option key={key} value={key}>{words}</option>)}
              </select>
            </>
          )}
        </div>
      )}
      <Loaded answer={answer} lines={8}>
        {() =>
          units.length === 0 ? (
            <Card><Empty title="No units yet" icon={<UnitsIcon size={26} />}>Name some in <code>holdfast.yaml</code>, or install an extension.</Empty></Card>
          ) : view === 'logs' ? (
            <MergedLogs chosen={chosen} units={units} onChoose={(names) => go({ view: 'logs', log: names.join(',') })} />
          ) : fitting.length === 0 ? (
            <Card><Empty title="No unit fits">Change the filter to see more.</Empty></Card>
          ) : view === 'graph' ? (
            <Graph units={units} fitting={fitting} onOpen={openUnit} />
          ) : (
            <UnitTable units={fitting} usage={usage} group={group} sort={sort} onSort={(key) => setSort((old) => nextSort(old, key))} onOpen={openUnit} onLog={openLog} />
          )
        }
      </Loaded>
      <DetailDrawer name={search.unit} units={units} known={!!answer.data} usage={usage} onClose={() => go({})} onOpen={openUnit} onLog={openLog} />
      <LogDrawer name={view === 'logs' ? undefined : search.log} units={units} known={!!answer.data} onClose={() => go({})} />
    </Page>
  )
}

/** The whole of it in a line. */
function About({ units, usage, known }: { units: Unit[]; usage: Usage; known: boolean }) {
  if (!known) return <>What is kept running</>
  const up = units.filter((u) => isUp(u.state)).length
  let [cpu, memory, processes] = [0, 0, 0]
  for (const u of usage.units.values()) {
    cpu += u.cpu
    memory += u.memory
    processes += u.processes
  }
  return <>{up} of {plural(units.length, 'unit')} up{usage.now > 0 && `, with ${plural(processes, 'process', 'processes')}, ${coresInWords(cpu)} and ${bytes(memory)}`}</>
}
