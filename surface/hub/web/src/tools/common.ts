// SPDX-License-Identifier: Apache-2.0

/** What is read anew when a hub has changed. */
export const hubTouches = ['mcp-hub.list']
