// SPDX-License-Identifier: Apache-2.0
// Short names for shapes of the OpenAPI document.
import type { Output } from './client.ts'

type Listed<T> = NonNullable<T> extends (infer Item)[] ? Item : never

export type HouseStatus = Output<'house.status'>
export type Unit = Listed<Output<'unit.list'>['units']>
export type Alert = Listed<HouseStatus['alerts']>
/** The breaker in a word, as the status of the house tells it. */
export type Breaker = HouseStatus['breaker']
export type FullBreaker = Output<'breaker.status'>
export type Tokens = Output<'token.summary'>
export type Burner = Listed<Tokens['by_agent']>
export type Hour = Listed<Tokens['by_hour']>
export type ToolServer = Listed<Output<'tool.list'>['servers']>
export type Tool = Listed<Output<'tool.list'>['tools']>
export type Approval = Listed<Output<'approval.list'>['approvals']>
export type Operation = Listed<Output<'operation.list'>['operations']>
export type Entry = Listed<Output<'journal.show'>['entries']>
