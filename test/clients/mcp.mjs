// SPDX-License-Identifier: Apache-2.0

// A published MCP client against an endpoint:
//   node mcp.mjs v1|v2|v2-legacy URL KEY [TOOL ARGUMENTS]...
//   node mcp.mjs v1|v2|v2-legacy 'stdio:COMMAND ARGUMENTS…' - [TOOL ARGUMENTS]...
// writes one JSON object: the protocol spoken, what is listed, each call's result, and what was told
// while the calls ran. It answers every question of a server with the name Ada.

const [flavour, url, key, ...calls] = process.argv.slice(2);
const who = { name: "holdfast-test", version: "1" };
const capabilities = { elicitation: {} };
const stdio = url.startsWith("stdio:") ? url.slice(6).split(" ") : null;

async function library() {
  if (flavour !== "v1") {
    const library = await import("@modelcontextprotocol/client");
    const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
    const mode = flavour === "v2" ? { pin: "2026-07-28" } : "legacy";
    return { ...library, StdioClientTransport, options: { capabilities, versionNegotiation: { mode } }, elicit: "elicitation/create" };
  }
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
  const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
  const { ElicitRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
  return { Client, StreamableHTTPClientTransport, StdioClientTransport, options: { capabilities }, elicit: ElicitRequestSchema };
}

const { Client, StreamableHTTPClientTransport, StdioClientTransport, options, elicit } = await library();
const client = new Client(who, options);
client.setRequestHandler(elicit, async () => ({ action: "accept", content: { name: "Ada", username: "Ada", email: "ada@example.com" } }));
const transport = stdio
  ? new StdioClientTransport({ command: stdio[0], args: stdio.slice(1), env: process.env })
  : new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${key}` } } });
await client.connect(transport);
const answer = {
  protocol: client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion ?? "",
  server: client.getServerVersion(),
  tools: (await client.listTools()).tools,
  prompts: (await client.listPrompts()).prompts,
  resources: (await client.listResources()).resources,
  results: [],
  progress: [],
};
for (let i = 0; i < calls.length; i += 2) {
  const params = { name: calls[i], arguments: JSON.parse(calls[i + 1]) };
  const onprogress = (p) => answer.progress.push(p.progress);
  try {
    answer.results.push(flavour === "v1" ? await client.callTool(params, undefined, { onprogress }) : await client.callTool(params, { onprogress }));
  } catch (error) {
    answer.results.push({ error: String(error) });
  }
}
await client.close();
console.log(JSON.stringify(answer));
