// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState, type ReactNode } from 'react'

import { exact, freshFor, isTime, relative } from '../lib/format.ts'
import { IconButton } from './button.tsx'
import { CheckIcon, CloseIcon, CopyIcon, SearchIcon } from './icons.tsx'
import { Shown } from './shown.tsx'
import { TroubleCard } from './trouble.tsx'

export type Tone = 'good' | 'warn' | 'bad' | 'calm' | 'still'

export function Badge({ tone = 'still', children, dot = false }: { tone?: Tone; children: ReactNode; dot?: boolean }) {
  return <span className={`badge ${tone}`}>{dot && <span className="dot" aria-hidden="true" />}{children}</span>
}

/** A time said relative to now, exact on hover. */
export function Time({ at, none = '–' }: { at: string | null | undefined; none?: string }) {
  const [now, setNow] = useState(() => Date.now())
  const valid = isTime(at)
  useEffect(() => {
    if (!valid) return
    setNow(Date.now())
    let timer: ReturnType<typeof setTimeout>
    const tick = () => {
      setNow(Date.now())
      timer = setTimeout(tick, freshFor(new Date(at), Date.now()))
    }
    timer = setTimeout(tick, freshFor(new Date(at), Date.now()))
    return () => clearTimeout(timer)
  }, [at, valid])
  if (!valid) return <span className="dim">{none}</span>
  const then = new Date(at)
  return <time dateTime={at} title={exact(then)} className="nowrap">{relative(then, now)}</time>
}

interface CardProps {
  title?: ReactNode
  aside?: ReactNode
  children: ReactNode
  className?: string
  flush?: boolean
}

export function Card({ title, aside, children, className = '', flush = false }: CardProps) {
  return (
    <section className={`card ${flush ? 'flush' : ''} ${className}`}>
      {(title || aside) && (
        <header className="card-head">
          {title && <h2 className="grow">{title}</h2>}
          {aside}
        </header>
      )}
      {children}
    </section>
  )
}

export function Empty({ title, children, icon }: { title: string; children?: ReactNode; icon?: ReactNode }) {
  return (
    <div className="empty">
      {icon && <span className="empty-icon">{icon}</span>}
      <strong>{title}</strong>
      {children && <p className="soft">{children}</p>}
    </div>
  )
}

/** Grey bars in the place of what is still on its way. */
export function Skeleton({ lines = 3, height = 18 }: { lines?: number; height?: number }) {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => <span key={i} style={{ height, width: `${96 - ((i * 17) % 38)}%` }} />)}
    </div>
  )
}

interface Answer<T> {
  data: T | undefined
  error: unknown
  isPending: boolean
  refetch: () => unknown
}

/** One of loading, trouble or the thing itself; trouble keeps what was seen before. */
export function Loaded<T>({ answer, lines, children }: { answer: Answer<T>; lines?: number; children: (data: T) => ReactNode }) {
  if (answer.data !== undefined) {
    return (
      <>
        {answer.error ? <TroubleCard error={answer.error} retry={() => void answer.refetch()} /> : null}
        {children(answer.data)}
      </>
    )
  }
  if (answer.error) return <TroubleCard error={answer.error} retry={() => void answer.refetch()} />
  return <Skeleton lines={lines ?? 4} />
}

export function Copy({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [done])
  const copy = () => void navigator.clipboard.writeText(text).then(() => setDone(true))
  return <IconButton label={done ? 'Copied' : label} onPress={copy}>{done ? <CheckIcon size={16} /> : <CopyIcon size={16} />}</IconButton>
}

export function Search({ value, onChange, label }: { value: string; onChange: (text: string) => void; label: string }) {
  return (
    <div className="search">
      <SearchIcon size={16} />
      <input
        type="search" className="input" value={value} placeholder={label} aria-label={label} spellCheck={false}
        onChange={(e) => onChange(e.target.value)}
        onKeyDown={(e) => e.key === 'Escape' && value !== '' && (e.stopPropagation(), onChange(''))}
      />
      {value !== '' && <IconButton label="Clear" onPress={() => onChange('')}><CloseIcon size={14} /></IconButton>}
    </div>
  )
}

/** A few choices side by side, one of them taken. */
export function Segments<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: { value: T; text: ReactNode }[]; onChange: (value: T) => void }) {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    // Where they do not fit side by side, the one that is taken is in sight.
    const show = () => {
      const taken = box.current?.querySelector<HTMLElement>('[aria-pressed="true"]')
      if (box.current && taken && box.current.scrollWidth > box.current.clientWidth) box.current.scrollLeft = taken.offsetLeft - (box.current.clientWidth - taken.offsetWidth) / 2
    }
    show()
    void document.fonts.ready.then(show)
  }, [value])
  return (
    <div className="segments" role="group" aria-label={label} ref={box}>
      {options.map((o) => (
        <button key={o.value} type="button" aria-pressed={o.value === value} onClick={() => onChange(o.value)}>{o.text}</button>
      ))}
    </div>
  )
}

/** Pretty JSON, or the text as it is; what cannot be seen in it is drawn. */
export function Code({ value, label }: { value: unknown; label: string }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  return (
    <div className="code">
      <pre tabIndex={0} aria-label={label}><Shown text={text} most={20_000} /></pre>
      <Copy text={text} label="Copy" />
    </div>
  )
}
