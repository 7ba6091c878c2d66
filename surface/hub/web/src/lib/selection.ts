// SPDX-License-Identifier: Apache-2.0
// Which tools a hub or a preset has, in the form of master_config.json: switches by tool, "*" for those that it
// does not name, and what is not said at all is inherited.

export interface ToolSetting {
  enabled_in_mcp?: boolean
  passthrough?: boolean
}

export type ToolConfig = Record<string, ToolSetting>

export interface Inherited {
  name: string
  own_name?: string
  source?: string
  enabled_in_mcp: boolean
  passthrough: boolean
}

const every = '*'

export type Field = keyof ToolSetting

/** A remote server calls its tools what it likes: a line of the own name of one takes from it and gives it nothing. */
const remote = (tool: Inherited): boolean => (tool.source ?? '').startsWith('remote ')

/** What a tool has without a line that is its own alone: its inherited setting, changed by the star. */
function beneath(config: ToolConfig, tool: Inherited, field: Field): boolean {
  const has = config[every]?.[field] ?? tool[field]
  return has && !(remote(tool) && tool.own_name && config[tool.own_name]?.[field] === false)
}

const ownLine = (tool: Inherited): string | undefined => (remote(tool) ? undefined : tool.own_name)

/** How a tool stands in the selection, as the house reads it. */
export const stands = (config: ToolConfig, tool: Inherited, field: Field): boolean =>
  config[tool.name]?.[field] ?? config[ownLine(tool) ?? '']?.[field] ?? beneath(config, tool, field)

/** The selection with one switch of some tools set; a switch that only repeats what is inherited is not written. */
export function withTools(config: ToolConfig, tools: Inherited[], field: Field, on: boolean): ToolConfig {
  const next = { ...config }
  for (const tool of tools) {
    for (const name of [tool.name, ownLine(tool) ?? '']) {
      if (!name || !next[name]) continue
      const { [field]: _gone, ...rest } = next[name]
      if (Object.keys(rest).length > 0) next[name] = rest
      else delete next[name]
    }
    if (beneath(next, tool, field) !== on) next[tool.name] = { ...next[tool.name], [field]: on }
  }
  return next
}

export const withTool = (config: ToolConfig, tool: Inherited, field: Field, on: boolean): ToolConfig => withTools(config, [tool], field, on)

export const onlyPicked = (config: ToolConfig): boolean => config[every]?.enabled_in_mcp === false

/** Turns the selection around: all tools but those taken out, or none but those picked. What was there stays there. */
export function withOnly(config: ToolConfig, only: boolean, tools: Inherited[]): ToolConfig {
  if (onlyPicked(config) === only) return config
  const had = tools.filter((t) => stands(config, t, 'enabled_in_mcp'))
  const { [every]: star, ...rest } = config
  const { enabled_in_mcp: _was, ...others } = star ?? {}
  const next: ToolConfig = only ? { ...rest, [every]: { ...others, enabled_in_mcp: false } } : Object.keys(others).length > 0 ? { ...rest, [every]: others } : { ...rest }
  if (!only) {
    // What was not picked comes in now: nothing of the old choice is left.
    for (const [name, setting] of Object.entries(next)) {
      const { enabled_in_mcp: _picked, ...kept } = setting
      if (Object.keys(kept).length > 0) next[name] = kept
      else delete next[name]
    }
    return next
  }
  return withTools(next, had, 'enabled_in_mcp', true)
}

/** How many of the tools are in the selection, and how many of those run unasked. */
export function counted(config: ToolConfig, tools: Inherited[]): { on: number; alone: number } {
  const on = tools.filter((t) => stands(config, t, 'enabled_in_mcp'))
  return { on: on.length, alone: on.filter((t) => stands(config, t, 'passthrough')).length }
}

/** A selection as an action answers it, without what it leaves open. A tool that is just on or off is one that is in or out. */
export function readConfig(raw: unknown): ToolConfig {
  const config: ToolConfig = {}
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return config
  for (const [name, setting] of Object.entries(raw)) {
    if (typeof setting === 'boolean') config[name] = { enabled_in_mcp: setting }
    else if (typeof setting === 'object' && setting !== null) {
      const { enabled_in_mcp: on, passthrough: alone } = setting as Record<string, unknown>
      config[name] = { ...(typeof on === 'boolean' ? { enabled_in_mcp: on } : {}), ...(typeof alone === 'boolean' ? { passthrough: alone } : {}) }
    }
  }
  return config
}
