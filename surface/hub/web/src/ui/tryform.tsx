// SPDX-License-Identifier: Apache-2.0
import { useMemo, useState, type FormEvent } from 'react'

import { Trouble, Waiting } from '../api/errors.ts'
import { useChange } from '../api/house.ts'
import type { Tool } from '../api/words.ts'
import { plain } from '../lib/shown.ts'
import { formFields, formValue, type FormField, type FormProblem, type Schema } from '../lib/schemaform.ts'
import { Button } from './button.tsx'
import { PlayIcon } from './icons.tsx'
import { Badge, Code } from './parts.tsx'
import { Short, Shown } from './shown.tsx'
import { TroubleCard } from './trouble.tsx'

/** A form drawn from a tool's schema, and what the tool answered. */
export function TryForm({ tool }: { tool: Tool }) {
  const fields = useMemo(() => formFields(tool.input_schema as Schema | null), [tool.input_schema])
  const [draft, setDraft] = useState<Record<string, string>>({})
  const [problems, setProblems] = useState<FormProblem[]>([])
  const call = useChange('tool.call', { inline: true })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const read = formValue(fields, draft)
    setProblems(read.problems)
    if (read.problems.length === 0) void call.run({ name: tool.name, arguments: read.value })
  }
  const refused = call.error instanceof Trouble ? (call.error.problem.problems ?? []) : []
  const problemOf = (name: string) => problems.find((p) => p.field === name)?.message ?? refused.find((p) => p.field === name)?.message
  return (
    <form className="stack try" onSubmit={submit} noValidate>
      {fields.length === 0 && <p className="dim">It takes no arguments.</p>}
      {fields.map((f) => (
        <Field key={f.name} field={f} value={draft[f.name] ?? f.initial} problem={problemOf(f.name)} onChange={(text) => setDraft((old) => ({ ...old, [f.name]: text }))} />
      ))}
      <div className="row"><Button type="submit" kind="primary" icon={<PlayIcon size={15} />} busy={call.busy}>Call</Button>{tool.destructive && <span className="dim small">It may destroy: then it waits for approval.</span>}</div>
      <div aria-live="polite" className="stack">
        {call.error && !(call.error instanceof Waiting) ? <TroubleCard error={call.error} /> : null}
        {call.output && (
          <>
            <div className="row"><h3 className="grow">Answer</h3><Badge tone={call.output.failed ? 'bad' : 'good'}>{call.output.failed ? 'the tool failed' : 'done'}</Badge></div>
            {call.output.pending && <p className="note warn">Waits for approval <code>{call.output.pending}</code>: <a href="/approvals">open approvals</a></p>}
            {call.output.cut && <p className="note warn">The answer was larger than the limit and is cut.</p>}
            {call.output.text !== '' && <Code value={pretty(call.output.text)} label="Answer" />}
            {call.output.structured != null && pretty(call.output.text) !== JSON.stringify(call.output.structured, null, 2) && <Code value={call.output.structured} label="Structured answer" />}
          </>
        )}
      </div>
    </form>
  )
}

/** JSON that came as text reads better with its lines broken. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

interface FieldProps {
  field: FormField
  value: string
  problem: string | undefined
  onChange: (text: string) => void
}

function Field({ field: f, value, problem, onChange }: FieldProps) {
  const id = `try-${f.name}`
  const described = `${id}-help`
  const shared = { id, 'aria-describedby': described, 'aria-invalid': problem ? true : undefined, 'aria-required': f.required || undefined } as const
  return (
    <div className="field">
      <label htmlFor={id}><code><Short text={f.name} most={80} /></code>{f.required && <span className="dim small"> required</span>}</label>
      <FieldControl field={f} value={value} shared={shared} onChange={onChange} />
      <span id={described} className={problem ? 'problem small' : 'dim small'}>{problem ? `${plain(f.name, 80)} ${problem}` : f.help ? <Shown text={f.help} most={400} /> : hint(f)}</span>
    </div>
  )
}

function FieldControl({ field: f, value, shared, onChange }: Omit<FieldProps, 'problem'> & { shared: Record<string, unknown> }) {
  switch (f.control) {
    case 'switch':
      return (
        <select {...shared} className="input" value={value} onChange={(e) => onChange(e.target.value)}>
          {!f.required && <option value="">not given</option>}
          <option value="false">false</option>
          <option value="true">true</option>
        </select>
      )
    case 'choice':
      return (
        <select {...shared} className="input" value={value} onChange={(e) => onChange(e.target.value)}>
          <option value="">{f.required ? 'choose one' : 'not given'}</option>
          {f.choices.map((c) => <option key={c} value={c}>{plain(c, 120)}</option>)}
        </select>
      )
    case 'lines':
    case 'json':
      return <textarea {...shared} className="input mono" rows={3} spellCheck={false} value={value} onChange={(e) => onChange(e.target.value)} />
    default:
      return <input {...shared} className="input" inputMode={f.control === 'text' ? 'text' : 'decimal'} autoComplete="off" value={value} onChange={(e) => onChange(e.target.value)} />
  }
}

function hint(f: FormField): string {
  if (f.control === 'lines') return 'one a line'
  if (f.control === 'json') return 'as JSON'
  const range = [f.minimum !== undefined && `at least ${f.minimum}`, f.maximum !== undefined && `at most ${f.maximum}`].filter(Boolean)
  return [f.control === 'integer' ? 'a whole number' : f.control === 'number' ? 'a number' : '', ...range].filter(Boolean).join(', ')
}
