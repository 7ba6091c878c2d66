// SPDX-License-Identifier: Apache-2.0

// A published MCP client that gets its own access, by the OAuth provider of its library:
//   node oauth.mjs v1|v1-short|v2 URL [DOCUMENT]      (short: without refresh tokens)
// known by its client metadata document where one is named, else by registration. It
// says {"authorize": ADDRESS} for the person, hears the address of the answer, and says which tools
// it found. "refresh" makes it use its refresh token, "again" makes it list the tools once more, and
// "call NAME ARGUMENTS" makes it call one.

import { createInterface } from "node:readline/promises";

const [flavour, url, document] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const hear = async () => (await lines.next()).value;

const v1 = flavour !== "v2";
const { Client } = await import(v1 ? "@modelcontextprotocol/sdk/client/index.js" : "@modelcontextprotocol/client");
const { StreamableHTTPClientTransport } = await import(v1 ? "@modelcontextprotocol/sdk/client/streamableHttp.js" : "@modelcontextprotocol/client");

// kept is what a client of this kind keeps on its disk.
const kept = {};
let asked;
const provider = {
  redirectUrl: "http://127.0.0.1:43210/callback",
  clientMetadataUrl: document,
  clientMetadata: {
    client_name: `Dancer ${flavour}`,
    redirect_uris: ["http://127.0.0.1:43210/callback"],
    grant_types: ["authorization_code", ...(flavour === "v1-short" ? [] : ["refresh_token"])],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    application_type: "native",
  },
  state: () => "state-of-the-dancer",
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  redirectToAuthorization: (to) => { asked = String(to); },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  codeVerifier: () => kept.verifier,
  invalidateCredentials: (what) => {
    if (what === "tokens" || what === "all") delete kept.tokens;
    if (what === "client" || what === "all") delete kept.client;
  },
  saveDiscoveryState: (state) => { kept.discovery = state; },
  discoveryState: () => kept.discovery,
};

const open = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });

async function connected(act) {
  const client = new Client({ name: "dancer", version: "1" });
  await client.connect(open());
  try {
    return await act(client);
  } finally {
    await client.close();
  }
}

const list = async (client) => ({ tools: (await client.listTools()).tools.map((tool) => tool.name) });

// attempt does something, and asks the person when the library wants that.
async function attempt(act = list) {
  asked = undefined;
  try {
    return await connected(act);
  } catch (error) {
    return asked ? { authorize: asked } : { error: String(error?.stack ?? error) };
  }
}

let said = await attempt();
say(said);
if (said.authorize) {
  const answer = new URL(await hear());
  if (answer.searchParams.get("state") !== "state-of-the-dancer") throw new Error(`another state: ${answer}`);
  await open().finishAuth(v1 ? answer.searchParams.get("code") : answer.searchParams);
  say({ ...(await attempt()), token: kept.tokens?.access_token });
}
for (;;) {
  const word = await hear();
  if (word === undefined) break;
  const before = kept.tokens?.access_token;
  if (word === "refresh") kept.tokens = { ...kept.tokens, access_token: "hfa_no-longer-good" };
  const [, name, args] = /^call (\S+) (.*)$/.exec(word) ?? [];
  const act = name ? async (client) => ({ result: await client.callTool({ name, arguments: JSON.parse(args) }) }) : list;
  said = await attempt(act);
  if (name && said.authorize) {
    say(said);
    const answer = new URL(await hear());
    await open().finishAuth(v1 ? answer.searchParams.get("code") : answer.searchParams);
    said = await attempt(act);
  }
  say({ ...said, before, after: kept.tokens?.access_token });
}
