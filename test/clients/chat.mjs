// SPDX-License-Identifier: Apache-2.0

// The published OpenAI client against an agent: whole, streamed, with a call to approve, and refused.
//   node chat.mjs BASE_URL KEY MODEL
// writes one JSON object with what the client saw.

import OpenAI from "openai";

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "what have I?" }];
const seen = {};

const whole = await client.chat.completions.create({ model, messages });
seen.whole = whole.choices[0].message.content;
seen.tokens = whole.usage.total_tokens;

const stream = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
seen.stream = "";
seen.shown = [];
stream.on("content", (delta) => (seen.stream += delta));
stream.on("chunk", (chunk) => {
  const call = chunk.holdfast_tool_call;
  if (call) seen.shown.push(`${call.name} ${call.status}`);
});
seen.streamTokens = (await stream.totalUsage()).total_tokens;

const asked = await client.chat.completions.stream({ model, messages }).finalChatCompletion();
const call = asked.choices[0].message.tool_calls[0];
seen.asked = call.function.name;
const approved = await client.chat.completions.create({
  model,
  messages: [
    ...messages,
    asked.choices[0].message,
    { role: "tool", tool_call_id: call.id, content: JSON.stringify({ approval: "allow" }) },
  ],
});
seen.approved = approved.choices[0].message.content;

try {
  await client.chat.completions.create({ model, messages });
} catch (error) {
  seen.error = { status: error.status, code: error.code };
}
console.log(JSON.stringify(seen));
