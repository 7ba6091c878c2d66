// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from 'react'

import { useRead } from '../api/house.ts'
import type { PlanStep, ToolRun, Trace } from '../api/words.ts'
import { exact, plural, whole } from '../lib/format.ts'
import { plain } from '../lib/shown.ts'
import { timeline, took, type Bar, type Timeline } from '../lib/timeline.ts'
import { Drawer } from '../ui/dialog.tsx'
import { ChevronIcon } from '../ui/icons.tsx'
import { Badge, Code, Copy, Loaded, type Tone } from '../ui/parts.tsx'
import { Short, Shown } from '../ui/shown.tsx'
import { traceTones } from './common.ts'

/** One request to an agent, whole; while it runs it is looked at each second. */
export function TraceDrawer({ id, onClose }: { id: string | undefined; onClose: () => void }) {
  const last = useRef(id)
  if (id) last.current = id
  const shown = last.current
  return <Drawer wide open={!!id} onClose={onClose} title="What a request did">{shown && <Body key={shown} id={shown} />}</Drawer>
}

function Body({ id }: { id: string }) {
  const [runs, setRuns] = useState(true)
  const answer = useRead('agent.trace', { id }, runs ? { every: 1_000 } : {})
  const trace = answer.data?.traces?.[0]
  useEffect(() => setRuns(trace === undefined ? !answer.error : trace.state === 'running'), [trace, answer.error])
  return <div className="drawer-body stack"><Loaded answer={answer} lines={6}>{() => (trace ? <Whole trace={trace} /> : null)}</Loaded></div>
}

function Whole({ trace: t }: { trace: Trace }) {
  const now = useSeconds(t.state === 'running')
  const line = timeline<PlanStep, ToolRun>(t, now)
  const steps = t.plan?.length ?? 0
  const runs = t.tools?.length ?? 0
  const facts: [string, string][] = [
    ['Began', exact(new Date(t.started))], ['Agent', plain(t.agent)], ['Asked as', t.model === t.agent ? '' : plain(t.model)], ['Planned by', plain(t.alias)], ['Caller', plain(t.caller)], ['Without the tools of', (t.late ?? []).map((s) => plain(s)).join(', ')],
    ['Input', `${whole(t.tokens.prompt)} tokens`], ['Output', `${whole(t.tokens.completion)} tokens`],
  ]
  return (
    <>
      <p className="row wrap" role="status"><Badge tone={traceTones[t.state] ?? 'still'} dot>{t.state}</Badge><strong>{took(line.length)}</strong><span className="soft">{plural(steps, 'model call')}, {plural(runs, 'tool call')}, {whole(t.tokens.total)} tokens</span></p>
      {t.error && <p className="note bad"><Shown text={t.error} /></p>}
      <dl className="facts">{facts.filter(([, value]) => value).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      {line.bars.length > 0 && <section><h3>Timeline</h3><Line line={line} /></section>}
      <p className="row small"><span className="dim">Trace</span> <code className="clip">{t.id}</code><Copy text={t.id} label="Copy the trace's id" /></p>
      {t.trace_id && <p className="row small"><span className="dim">At the collector</span> <code className="clip">{t.trace_id}</code><Copy text={t.trace_id} label="Copy the collector's id" /></p>}
    </>
  )
}

/** Now, as long as something runs. */
function useSeconds(running: boolean): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (!running) return
    const timer = setInterval(() => setNow(Date.now()), 250)
    return () => clearInterval(timer)
  }, [running])
  return now
}

const barTones: Record<string, Tone> = { done: 'good', failed: 'bad', waiting: 'warn', running: 'calm', denied: 'bad' }

type TraceBar = Bar<PlanStep, ToolRun>

/** Bars along one line of time; each opens to what stands behind it. */
function Line({ line }: { line: Timeline<PlanStep, ToolRun> }) {
  const [open, setOpen] = useState<string>()
  const at = (seconds: number) => `${(seconds / line.length) * 100}%`
  return (
    <div className="timeline">
      <div className="timeline-scale" aria-hidden="true"><span /><div>{line.marks.map((m) => <span key={m} style={{ left: at(m) }}>{took(m)}</span>)}</div><span /></div>
      <ol>
        {line.bars.map((b) => (
          <li key={b.key} className={b.step ? 'is-plan' : b.run ? 'is-tool' : 'is-now'}>
            <button type="button" className="timeline-row" aria-expanded={open === b.key} disabled={!b.step && !b.run} onClick={() => setOpen(open === b.key ? undefined : b.key)}>
              <span className="timeline-name clip">{(b.step || b.run) && <ChevronIcon size={12} />}{b.run ? <code><Short text={b.name} most={80} /></code> : b.name}</span>
              <span className="timeline-way" aria-hidden="true">
                {line.marks.map((m) => <i key={m} style={{ left: at(m) }} />)}
                <b className={barTones[b.state] ?? 'still'} style={{ left: at(b.from), width: at(b.to - b.from) }} />
              </span>
              <span className="timeline-took">{b.state !== 'done' && <span className={`timeline-state ${barTones[b.state] ?? 'still'}`}>{b.state}</span>} {b.state !== 'waiting' && <span className="nowrap">{took(b.to - b.from)}</span>}<span className="sr"> after {took(b.from)}</span></span>
            </button>
            {open === b.key && <Behind bar={b} />}
          </li>
        ))}
      </ol>
    </div>
  )
}

function Behind({ bar: { step, run } }: { bar: TraceBar }) {
  if (step) {
    return (
      <div className="timeline-behind stack">
        <p className="small soft">{whole(step.tokens.prompt)} tokens in, {whole(step.tokens.completion)} out{step.finish && <>, ended by <code><Short text={step.finish} most={40} /></code></>}</p>
        {step.error && <p className="note bad"><Shown text={step.error} /></p>}
        {!!step.calls?.length && <p className="small">It planned {step.calls.map((c, i) => <code key={i} className="planned"><Short text={c} most={80} /></code>)}</p>}
        {step.text && <Code value={step.text} label="How its answer began" />}
      </div>
    )
  }
  return (
    <div className="timeline-behind stack">
      {run?.arguments !== undefined && <div><p className="small dim">Arguments, secrets masked</p><Code value={run.arguments ?? {}} label="Arguments" /></div>}
      {run?.result ? <div><p className="small dim">How its result began</p><Code value={run.result} label="Result" /></div> : <p className="small dim">{run?.status === 'waiting' ? 'It waits for an answer.' : 'It gave no text.'}</p>}
    </div>
  )
}
