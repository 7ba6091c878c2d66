// SPDX-License-Identifier: Apache-2.0
import type { Input } from '../api/client.ts'

interface Key {
  name: string
  owner?: string | null
  tenant?: string | null
  models?: string[] | null
  rpm?: number | null
  tpm?: number | null
  expires?: string | null
}

/** What a person has written about a key; each limit as text, for it may be half written. */
export interface Draft {
  name: string
  owner: string
  tenant: string
  models: string
  rpm: string
  tpm: string
  /** A span such as 30d, "never", or "" to leave it as it is. */
  expires: string
}

export const newDraft: Draft = { name: '', owner: '', tenant: '', models: '', rpm: '', tpm: '', expires: 'never' }

export const draftOf = (key: Key): Draft => ({
  name: key.name, owner: key.owner ?? '', tenant: key.tenant ?? '', models: (key.models ?? []).join(', '),
  rpm: key.rpm ? String(key.rpm) : '', tpm: key.tpm ? String(key.tpm) : '', expires: '',
})

/** The models of a list that is parted by commas or blanks. */
export const modelsOf = (text: string): string[] => [...new Set(text.split(/[\s,]+/).filter(Boolean))]

export interface FieldProblem {
  field: keyof Draft
  message: string
}

/** What is wrong with a draft, as far as it can be known here. */
export function problemsOf(draft: Draft): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (draft.name.trim() === '') problems.push({ field: 'name', message: 'give it a name' })
  for (const field of ['rpm', 'tpm'] as const) {
    if (!/^\d*$/.test(draft[field].trim())) problems.push({ field, message: 'a whole number, or nothing for no limit' })
  }
  if (draft.owner.trim() !== '' && !/^(client|agent|extension|tenant):\S+$/.test(draft.owner.trim())) problems.push({ field: 'owner', message: 'client:, agent:, extension: or tenant: and a name' })
  return problems
}

/** The input that makes the key; what is empty is left out. */
export function createInput(draft: Draft): Input<'key.create'> {
  const models = modelsOf(draft.models)
  return {
    name: draft.name.trim(),
    ...(draft.owner.trim() ? { owner: draft.owner.trim() } : {}), ...(draft.tenant.trim() ? { tenant: draft.tenant.trim() } : {}),
    ...(models.length > 0 ? { models } : {}),
    ...(Number(draft.rpm) > 0 ? { rpm: Number(draft.rpm) } : {}), ...(Number(draft.tpm) > 0 ? { tpm: Number(draft.tpm) } : {}),
    ...(draft.expires && draft.expires !== 'never' ? { expires: draft.expires } : {}),
  }
}

/** The input that changes a key to its draft: only what differs; what was emptied is lifted. Undefined when nothing differs. */
export function updateInput(key: Key, draft: Draft): Input<'key.update'> | undefined {
  const old = draftOf(key)
  const input: Input<'key.update'> = { name: key.name }
  const differs = (field: keyof Draft) => draft[field].trim() !== old[field].trim()
  if (differs('owner')) input.owner = draft.owner.trim()
  if (differs('tenant')) input.tenant = draft.tenant.trim()
  const models = modelsOf(draft.models)
  if (models.join() !== modelsOf(old.models).join()) input.models = models.length > 0 ? models : ['*']
  if (differs('rpm')) input.rpm = Number(draft.rpm)
  if (differs('tpm')) input.tpm = Number(draft.tpm)
  if (draft.expires !== '') input.expires = draft.expires
  return Object.keys(input).length > 1 ? input : undefined
}

/** How a key is sent, for the shell. */
export const example = (api: string, key: string): string =>
  `curl ${api}/v1/chat/completions -H 'Authorization: Bearer ${key}' -d '{"model": "chat", "messages": [{"role": "user", "content": "hello"}]}'`
