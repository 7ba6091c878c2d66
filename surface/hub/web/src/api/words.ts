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
export type Policy = Output<'model.policy'>
export type Alias = Listed<Policy['aliases']>
export type Cooling = Listed<Policy['cooling']>
export type Rehearsal = Listed<Policy['rehearsals']>
export type ApiKey = Listed<Output<'key.list'>['keys']>
export type Budget = Listed<Output<'budget.report'>['budgets']>
export type BudgetEvent = Listed<Output<'budget.history'>['events']>
export type ParkedCall = Listed<Output<'budget.parked'>['calls']>
export type Session = Listed<Output<'token.sessions'>['sessions']>
export type Block = Listed<Output<'token.blocks'>['blocks']>
export type Call = Listed<Output<'token.calls'>['calls']>
export type Price = Listed<Output<'price.list'>['prices']>
export type BreakerEvent = Listed<Output<'breaker.history'>['events']>
export type Agent = Listed<Output<'agent.list'>['agents']>
export type Trace = Listed<Output<'agent.trace'>['traces']>
export type PlanStep = Listed<Trace['plan']>
export type ToolRun = Listed<Trace['tools']>
export type Skill = Listed<Output<'skill.list'>['skills']>
export type Client = Listed<Output<'client.list'>['clients']>
export type Grant = Listed<Output<'grant.list'>['grants']>
export type McpHub = Listed<Output<'mcp-hub.list'>['hubs']>
export type McpPrompt = Listed<Output<'prompt.list'>['prompts']>
export type AgentTool = Listed<Output<'agent.show'>['tools']>
export type Preset = Listed<Output<'preset.list'>['presets']>
export type RemoteServer = Listed<Output<'remote-mcp.list'>['servers']>
