// SPDX-License-Identifier: Apache-2.0
import { useRef, useState } from 'react'

import { refreshEvery, useRead } from '../api/house.ts'
import type { Skill } from '../api/words.ts'
import { bytes, plural, whole } from '../lib/format.ts'
import { Drawer } from '../ui/dialog.tsx'
import { SkillsIcon } from '../ui/icons.tsx'
import { Pager } from '../ui/pager.tsx'
import { Badge, Card, Code, Empty, Loaded, Search } from '../ui/parts.tsx'
import { Short, Shown } from '../ui/shown.tsx'
import { partOf } from '../lib/paging.ts'

const size = 50

/** What agents can be taught by need: folders with a SKILL.md, of the home and of extensions. */
export function Skills({ open, onOpen }: { open: string | undefined; onOpen: (name: string | undefined) => void }) {
  const answer = useRead('skill.list', {}, { every: 2 * refreshEvery })
  return (
    <>
      <Loaded answer={answer} lines={6}>
        {(d) => (
          <>
            {(d.problems ?? []).map((p, i) => <p key={i} className="note warn"><Short text={[p.file, p.message].filter(Boolean).join(': ')} most={400} />{p.remedy && <span className="dim"> (<Short text={p.remedy} most={200} />)</span>}</p>)}
            <List skills={d.skills ?? []} onOpen={onOpen} />
          </>
        )}
      </Loaded>
      <SkillDrawer name={open} onClose={() => onOpen(undefined)} />
    </>
  )
}

/** Two skills may share a name; then the extension's own folder tells them apart. */
const addressOf = (s: Skill, all: Skill[]): string => (all.filter((o) => o.name === s.name).length > 1 ? `${s.source.replace(/^extension /, '')}/${s.name}` : s.name)

function List({ skills, onOpen }: { skills: Skill[]; onOpen: (name: string) => void }) {
  const [text, setText] = useState('')
  const [page, setPage] = useState(0)
  if (skills.length === 0) return <Card><Empty title="No skills yet" icon={<SkillsIcon size={26} />}>A folder with a SKILL.md under skills of the home or of an extension is one. Agents are told of it and read it when they need it.</Empty></Card>
  const wanted = text.trim().toLowerCase()
  const found = skills.filter((s) => `${s.name} ${s.source} ${s.description}`.toLowerCase().includes(wanted))
  const part = partOf(found, page, size)
  return (
    <>
      {skills.length > 5 && <div className="filters"><Search value={text} onChange={(t) => { setText(t); setPage(0) }} label="Find a skill" /><span className="dim small" role="status">{plural(found.length, 'skill')}</span></div>}
      <Card flush>
        {found.length === 0 && <Empty title="No skill fits" />}
        <ul className="lines">
          {part.rows.map((s) => (
            <li key={`${s.source} ${s.name}`}>
              <button type="button" className="tool-line" onClick={() => onOpen(addressOf(s, skills))}>
                <span className="grow">
                  <strong><Short text={s.name} most={80} /></strong>
                  <span className="soft small clip">{s.withheld ? <>withheld: <Short text={s.withheld} /></> : <Short text={s.description} most={300} />}</span>
                </span>
                <span className="row wrap switches"><span className="dim small"><Short text={s.source} most={60} />, {plural(s.files, 'file')}</span>{s.withheld ? <Badge tone="bad">withheld</Badge> : <Badge tone="good">offered</Badge>}</span>
              </button>
            </li>
          ))}
        </ul>
        <Pager {...part} count={found.length} size={size} label="skills" onPage={setPage} />
      </Card>
    </>
  )
}

function SkillDrawer({ name, onClose }: { name: string | undefined; onClose: () => void }) {
  const last = useRef(name)
  if (name) last.current = name
  const shown = last.current
  return <Drawer wide open={!!name} onClose={onClose} title={<>Skill <Short text={shown} most={80} /></>}>{shown && <Body key={shown} name={shown} />}</Drawer>
}

function Body({ name }: { name: string }) {
  const [file, setFile] = useState('')
  const answer = useRead('skill.show', { name, ...(file ? { file } : {}) })
  return (
    <div className="drawer-body stack">
      <Loaded answer={answer} lines={8}>
        {(s) => (
          <>
            <div className="stack skill-about"><div><Badge><Short text={s.source} most={60} /></Badge></div><p className="soft small"><Shown text={s.description} most={1_200} /></p></div>
            {(s.files ?? []).length > 1 && (
              <label className="field"><span>File</span>
                <select className="input" value={s.file} onChange={(e) => setFile(e.target.value)}>{(s.files ?? []).map((f) => <option key={f.path} value={f.path}>{f.path} ({bytes(f.size)})</option>)}</select>
              </label>
            )}
            <Code value={s.text} label={s.file} />
            <p className="dim small">{whole(s.text.length)} characters. An agent reads them as they stand; here what cannot be seen is drawn.</p>
          </>
        )}
      </Loaded>
    </div>
  )
}
