// SPDX-License-Identifier: Apache-2.0
import { useState, useSyncExternalStore, type ReactNode } from 'react'

import type { Category, Confirmation, Inventory } from '../api/errors.ts'
import { bytes, plural, whole } from '../lib/format.ts'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'
import { Badge } from './parts.tsx'

interface Question {
  kind: 'question'
  title: string
  body?: ReactNode
  yes: string
  danger?: boolean
  answer: (yes: boolean) => void
}

interface Stock {
  kind: 'inventory'
  inventory: Inventory
  note: string | undefined
  answer: (confirmation: Confirmation | undefined) => void
}

let asked: Question | Stock | undefined
const listeners = new Set<() => void>()

function ask(next: Question | Stock | undefined): void {
  asked = next
  for (const tell of listeners) tell()
}

/** Asks a yes or no; false when the dialog is closed. */
export const confirm = (question: Omit<Question, 'kind' | 'answer'>): Promise<boolean> =>
  new Promise((answer) => ask({ kind: 'question', answer, ...question }))

/** Shows an inventory and asks for each category; undefined when the person did not confirm. */
export const confirmInventory = (inventory: Inventory, note?: string): Promise<Confirmation | undefined> =>
  new Promise((answer) => ask({ kind: 'inventory', inventory, note, answer }))

const subscribe = (tell: () => void) => {
  listeners.add(tell)
  return () => listeners.delete(tell)
}

/** The one place where questions are asked. */
export function Confirmations() {
  const now = useSyncExternalStore(subscribe, () => asked)
  if (!now) return null
  return now.kind === 'question' ? <QuestionDialog question={now} /> : <InventoryDialog key={now.inventory.token} stock={now} />
}

function QuestionDialog({ question }: { question: Question }) {
  const answer = (yes: boolean) => {
    ask(undefined)
    question.answer(yes)
  }
  return (
    <Dialog
      open
      alert
      onClose={() => answer(false)}
      title={question.title}
      footer={
        <>
          <Button onPress={() => answer(false)}>Cancel</Button>
          <Button kind={question.danger ? 'danger' : 'primary'} autoFocus onPress={() => answer(true)}>{question.yes}</Button>
        </>
      }
    >
      {question.body}
    </Dialog>
  )
}

function InventoryDialog({ stock }: { stock: Stock }) {
  const { inventory, note } = stock
  const categories = inventory.categories ?? []
  const [named, setNamed] = useState<Record<string, boolean>>({})
  const ready = categories.every((c) => named[c.name])
  const left = categories.filter((c) => !named[c.name]).length
  const answer = (confirmation: Confirmation | undefined) => {
    ask(undefined)
    stock.answer(confirmation)
  }
  return (
    <Dialog
      open
      alert
      wide
      onClose={() => answer(undefined)}
      title={<>Confirm what <code>{inventory.action}</code> destroys</>}
      footer={
        <>
          <span className="dim small grow" aria-live="polite">{left > 0 ? `${plural(left, 'category', 'categories')} to confirm` : 'Each category is confirmed'}</span>
          <Button onPress={() => answer(undefined)}>Cancel</Button>
          <Button kind="danger" isDisabled={!ready} onPress={() => answer({ token: inventory.token ?? '', categories: categories.map((c) => c.name) })}>
            Destroy
          </Button>
        </>
      }
    >
      {note && <p className="note warn">The inventory has changed: {note}. Look at it again.</p>}
      <ul className="stack">
        {categories.map((c) => (
          <CategoryQuestion key={c.name} category={c} onNamed={(is) => setNamed((old) => ({ ...old, [c.name]: is }))} />
        ))}
      </ul>
    </Dialog>
  )
}

/** A category that comes back is confirmed by a tick; one that never does, by writing its name. */
function CategoryQuestion({ category, onNamed }: { category: Category; onNamed: (is: boolean) => void }) {
  const [text, setText] = useState('')
  const never = category.returns === 'never'
  return (
    <li className="category">
      <CategoryView category={category} />
      {never ? (
        <label className="field">
          <span>Write <code>{category.name}</code> to confirm it</span>
          <input
            className="input" value={text} autoComplete="off" spellCheck={false}
            onChange={(e) => {
              setText(e.target.value)
              onNamed(e.target.value.trim() === category.name)
            }}
          />
        </label>
      ) : (
        <label className="tick">
          <input type="checkbox" onChange={(e) => onNamed(e.target.checked)} />
          <span>I confirm <code>{category.name}</code></span>
        </label>
      )}
    </li>
  )
}

const comesBack = {
  trash: { tone: 'good', text: 'comes back from the trash' },
  history: { tone: 'calm', text: 'comes back from its history' },
  never: { tone: 'bad', text: 'never comes back' },
} as const

const itemsShown = 8

/** What one category holds and how it comes back. */
export function CategoryView({ category: c }: { category: Category }) {
  const items = c.items ?? []
  const back = comesBack[c.returns]
  const size = items.reduce((sum, i) => sum + (i.bytes ?? 0), 0)
  return (
    <div className="category-view">
      <div className="row wrap">
        <h3><code>{c.name}</code></h3>
        <Badge tone={back.tone}>{back.text}</Badge>
        <Badge tone={c.production ? 'warn' : 'still'}>{c.production ? 'production' : 'sandbox'}</Badge>
        <Badge tone={c.shared ? 'warn' : 'still'}>{c.shared ? 'shared' : 'owned'}</Badge>
        <Badge tone={c.backup ? 'good' : 'still'}>{c.backup ? `backup: ${c.backup}` : 'no backup'}</Badge>
      </div>
      {c.summary && <p className="soft">{c.summary}</p>}
      <p className="dim small">{plural(items.length, 'item')}{size > 0 && `, ${bytes(size)}`}</p>
      <ul className="items">
        {items.slice(0, itemsShown).map((i) => (
          <li key={i.kind + i.id}>
            <span className="dim">{i.kind}</span> <code className="grow clip" title={i.id}>{i.id}</code>
            <span className="dim nowrap">{[i.rows ? plural(i.rows, 'row') : '', i.bytes ? bytes(i.bytes) : ''].filter(Boolean).join(' · ')}</span>
          </li>
        ))}
        {items.length > itemsShown && <li className="dim">and {whole(items.length - itemsShown)} more</li>}
      </ul>
    </div>
  )
}
