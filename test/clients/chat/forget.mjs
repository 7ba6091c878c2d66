// SPDX-License-Identifier: Apache-2.0

// Asks an agent for a call that waits for approval, or goes on with one in another life of the house:
//   node forget.mjs BASE_URL KEY MODEL [ASKED]
// ASKED is the file with what the first printed.

import { readFileSync } from "node:fs";
import OpenAI from "openai7";

const [baseURL, apiKey, model, file] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const user = { role: "user", content: "Please forget note 2" };
if (!file) {
  const asked = await client.chat.completions.create({ model, messages: [user] });
  const message = asked.choices[0].message;
  console.log(JSON.stringify({ approval: message.tool_calls[0].id.replace("call_", ""), message }));
} else {
  const { message } = JSON.parse(readFileSync(file, "utf8"));
  const answer = { role: "tool", tool_call_id: message.tool_calls[0].id, content: JSON.stringify({ approval: "wait" }) };
  const done = await client.chat.completions.create({ model, messages: [user, message, answer] });
  console.log(done.choices[0].message.content);
}
