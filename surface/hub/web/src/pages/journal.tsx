// SPDX-License-Identifier: Apache-2.0
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useRef, useState } from 'react'

import { useChange, useRead } from '../api/house.ts'
import type { Input } from '../api/client.ts'
import { useLive } from '../api/live.tsx'
import type { Entry } from '../api/words.ts'
import { exact, nanoseconds, plural, whole } from '../lib/format.ts'
import { gist } from '../lib/entry.ts'
import { outcomeTone } from '../lib/states.ts'
import { fits, mergeNewest, wholeWords, type EntryFilter } from '../lib/stream.ts'
import { Button } from '../ui/button.tsx'
import { Drawer } from '../ui/dialog.tsx'
import { CheckIcon, JournalIcon } from '../ui/icons.tsx'
import { Page } from '../ui/page.tsx'
import { Badge, Card, Code, Empty, Loaded, Search, Segments, Time } from '../ui/parts.tsx'
import { TroubleCard } from '../ui/trouble.tsx'

const outcomes = ['started', 'done', 'failed', 'refused', 'noted']
const page = 200
const most = 1_000

type Outcome = NonNullable<Input<'journal.show'>['outcome']>

export function Journal() {
  const { entry: open, action = '', caller = '', outcome } = useSearch({ from: '/journal' })
  const navigate = useNavigate({ from: '/journal' })
  const [following, setFollowing] = useState(true)
  const [limit, setLimit] = useState(page)
  const live = useLive()
  const answer = useRead('journal.show', { ...useWhole(action, caller), ...(outcome ? { outcome: outcome as Outcome } : {}), limit })
  const entries = useMemo(() => {
    const known = mergeNewest(answer.data?.entries ?? [], following ? live.entries : [], most)
    return known.filter((e) => fits(e, { action, caller, outcome }))
  }, [answer.data, live.entries, following, action, caller, outcome])
  const set = (part: EntryFilter) => void navigate({ search: (old) => clean({ ...old, ...part }), replace: true })
  const show = (sequence: number | undefined) => void navigate({ search: (old) => clean({ ...old, entry: sequence === undefined ? undefined : String(sequence) }) })
  return (
    <Page title="Journal" about="All that happened, each entry chained to the one before" actions={<Verify />}>
      <div className="filters">
        <Search value={action} onChange={(text) => set({ action: text })} label="Action" />
        <Search value={caller} onChange={(text) => set({ caller: text })} label="Caller" />
        <select className="input outcome" aria-label="Outcome" value={outcome ?? ''} onChange={(e) => set({ outcome: e.target.value })}>
          <option value="">Every outcome</option>
          {outcomes.map((o) => <option key={o}>{o}</option>)}
        </select>
        <Segments label="Follow" value={following ? 'live' : 'still'} onChange={(v) => setFollowing(v === 'live')} options={[{ value: 'live', text: 'Live' }, { value: 'still', text: 'Paused' }]} />
      </div>
      <Loaded answer={answer} lines={10}>
        {() =>
          entries.length === 0 ? (
            <Card><Empty title="No entry fits" icon={<JournalIcon size={26} />}>Change the filter to see more.</Empty></Card>
          ) : (
            <>
              <Card flush>
                <table className="table journal">
                  <thead><tr><th>When</th><th>Outcome</th><th>Action</th><th>Subject</th><th>Caller</th><th className="right">Took</th></tr></thead>
                  <tbody>{entries.map((e) => <EntryRow key={`${e.node}/${e.sequence}`} entry={e} onOpen={() => show(e.sequence)} />)}</tbody>
                </table>
              </Card>
              {entries.length >= limit && limit < most && <div className="row center"><Button onPress={() => setLimit(Math.min(limit + page, most))}>Show older entries</Button></div>}
              {entries.length >= most && <p className="dim small">The newest {whole(most)} are shown; <code>holdfast journal export</code> has all.</p>}
            </>
          )
        }
      </Loaded>
      <EntryDrawer entry={entries.find((e) => String(e.sequence) === open)} onClose={() => show(undefined)} />
    </Page>
  )
}

const clean = (search: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(search).filter((pair): pair is [string, string] => !!pair[1]))

/** What of the filter the house can answer: it knows whole actions and callers, no parts of them. */
function useWhole(action: string, caller: string): { action?: string; caller?: string } {
  const seen = useRead('journal.show', { limit: page })
  return useMemo(() => {
    const words = wholeWords(seen.data?.entries ?? [])
    return { ...(words.has(action) ? { action } : {}), ...(words.has(caller) ? { caller } : {}) }
  }, [seen.data, action, caller])
}

function EntryRow({ entry: e, onOpen }: { entry: Entry; onOpen: () => void }) {
  return (
    <tr>
      <td className="entry-when"><Time at={e.time} /></td>
      <td className="entry-outcome"><Badge tone={outcomeTone(e.outcome)} dot>{e.outcome}</Badge></td>
      <td className="entry-action"><button type="button" className="link-button" onClick={onOpen}><code>{e.action}</code></button></td>
      <td className="entry-subject"><Subject entry={e} /></td>
      <td className="entry-caller soft"><span className="clip" title={e.caller}>{e.caller}</span></td>
      <td className="entry-took right dim nowrap">{e.duration_ns ? nanoseconds(e.duration_ns) : ''}</td>
    </tr>
  )
}

function Subject({ entry: e }: { entry: Entry }) {
  const said = gist(e.detail)
  return <span className="clip" title={[e.subject, said].filter(Boolean).join(': ')}>{e.subject} {said && <span className="dim">{said}</span>}</span>
}

function EntryDrawer({ entry, onClose }: { entry: Entry | undefined; onClose: () => void }) {
  const last = useRef(entry)
  if (entry) last.current = entry
  const e = last.current
  return (
    <Drawer open={!!entry} onClose={onClose} title={e ? `Entry ${whole(e.sequence)}` : ''} actions={e && <Badge tone={outcomeTone(e.outcome)} dot>{e.outcome}</Badge>}>
      {e && (
        <div className="drawer-body stack">
          <dl className="facts">
            <div><dt>Action</dt><dd><code>{e.action}</code></dd></div>
            <div><dt>Subject</dt><dd>{e.subject || '–'}</dd></div>
            <div><dt>Caller</dt><dd>{e.caller} <span className="dim">({e.tier})</span></dd></div>
            <div><dt>Time</dt><dd>{exact(new Date(e.time))}</dd></div>
            <div><dt>Took</dt><dd>{e.duration_ns ? nanoseconds(e.duration_ns) : '–'}</dd></div>
            <div><dt>Node</dt><dd>{e.node}</dd></div>
            <div className="wide"><dt>Hash</dt><dd><code className="hash">{e.hash}</code></dd></div>
          </dl>
          {e.detail != null && <section><h3>Detail</h3><Code value={e.detail} label="Detail" /></section>}
        </div>
      )}
    </Drawer>
  )
}

function Verify() {
  const verify = useChange('journal.verify', { inline: true })
  return (
    <div className="row wrap" aria-live="polite">
      {verify.error ? <TroubleCard error={verify.error} /> : null}
      {verify.output && !verify.error && <Badge tone="good"><CheckIcon size={13} /> {plural(verify.output.entries, 'entry', 'entries')} hold</Badge>}
      <Button busy={verify.busy} onPress={() => void verify.run({})}>Verify the chain</Button>
    </div>
  )
}
