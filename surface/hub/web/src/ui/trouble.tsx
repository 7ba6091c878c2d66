// SPDX-License-Identifier: Apache-2.0
import { Offline, Trouble, troubleTitle, type Problem } from '../api/errors.ts'
import { AlertIcon } from './icons.tsx'
import { Button } from './button.tsx'
import { Said } from './said.tsx'

/** Everything that a problem says: message, each problem with its place, reason and remedy. */
export function TroubleBody({ trouble }: { trouble: Trouble }) {
  const { detail, reason, remedy, problems, guard, retry_after } = trouble.problem
  const message = guard ? reason : (detail ?? reason)
  // A single problem is told once: with its place.
  const told = problems?.length === 1 && !guard && message?.includes(problems[0]?.message ?? '\0')
  return (
    <div className="trouble-body">
      {message && !told && <p className="soft"><Said text={message} /></p>}
      {problems && problems.length > 0 && <ul>{problems.map((p, i) => <ProblemLine key={i} problem={p} />)}</ul>}
      {remedy && <p><span className="dim">Remedy: </span><Said text={remedy} /></p>}
      {retry_after ? <p className="dim">Try again in {Math.ceil(retry_after)} s.</p> : null}
    </div>
  )
}

function ProblemLine({ problem: p }: { problem: Problem }) {
  const place = [p.file && (p.line ? `${p.file}:${p.line}:${p.column ?? 1}` : p.file), p.field].filter(Boolean).join(' · ')
  return (
    <li>
      {place && <code>{place}</code>} {p.message}
      {p.remedy && <span className="dim"> ({p.remedy})</span>}
      {p.excerpt && <pre>{p.excerpt}</pre>}
    </li>
  )
}

/** Trouble in the place of what could not be shown, with a way to try again. */
export function TroubleCard({ error, retry }: { error: unknown; retry?: () => void }) {
  const title = error instanceof Trouble ? troubleTitle(error) : error instanceof Offline ? 'The house does not answer' : 'That did not work'
  return (
    <div className="trouble-card" role="alert">
      <AlertIcon size={22} />
      <div className="grow">
        <strong>{title}</strong>
        {error instanceof Trouble ? (
          <TroubleBody trouble={error} />
        ) : error instanceof Offline ? (
          <p className="soft">The house may be restarting, or the way to it is cut. This page asks again by itself.</p>
        ) : (
          <p className="soft">{error instanceof Error ? error.message : String(error)}</p>
        )}
      </div>
      {retry && <Button onPress={retry}>Try again</Button>}
    </div>
  )
}
