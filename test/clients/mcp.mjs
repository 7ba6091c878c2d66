// SPDX-License-Identifier: Apache-2.0

// A published MCP client against an endpoint:
//   node mcp.mjs v1|v2|v2-legacy URL KEY [TOOL ARGUMENTS]...
// writes one JSON object: the protocol spoken, the tools listed, and each call's result.

const [flavour, url, key, ...calls] = process.argv.slice(2);
const options = { requestInit: { headers: { Authorization: `Bearer ${key}` } } };
const who = { name: "holdfast-test", version: "1" };

async function connect() {
  if (flavour === "v1") {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const client = new Client(who);
    const transport = new StreamableHTTPClientTransport(new URL(url), options);
    await client.connect(transport);
    return { client, version: transport.protocolVersion };
  }
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const mode = flavour === "v2" ? { pin: "2026-07-28" } : "legacy";
  const client = new Client(who, { versionNegotiation: { mode } });
  const transport = new StreamableHTTPClientTransport(new URL(url), options);
  await client.connect(transport);
  return { client, version: client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion };
}

const { client, version } = await connect();
const answer = { protocol: version, server: client.getServerVersion(), tools: (await client.listTools()).tools, results: [] };
for (let i = 0; i < calls.length; i += 2) {
  try {
    answer.results.push(await client.callTool({ name: calls[i], arguments: JSON.parse(calls[i + 1]) }));
  } catch (error) {
    answer.results.push({ error: String(error) });
  }
}
await client.close();
console.log(JSON.stringify(answer));
