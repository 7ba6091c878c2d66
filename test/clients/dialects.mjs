// SPDX-License-Identifier: Apache-2.0

// The published clients of OpenAI and Anthropic against translated answers:
//   node dialects.mjs BASE_URL CASE...
// BASE_URL/CASE/… answers each call with the answer of that case. Writes one JSON object with what the
// clients understood, plain and streamed.

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const [base, ...cases] = process.argv.slice(2);
const quiet = { apiKey: "key", maxRetries: 0, logLevel: "off" };
const ask = [{ role: "user", content: "So?" }];
const seen = {};

function ofMessage(m) {
  const join = (type, field) => m.content.filter((b) => b.type === type).map((b) => b[field]).join("");
  return {
    text: join("text", "text"),
    thinking: join("thinking", "thinking"),
    calls: m.content.filter((b) => b.type === "tool_use").map((b) => [b.id, b.name, JSON.stringify(b.input)]),
    stop: m.stop_reason,
    tokens: [m.usage.input_tokens + m.usage.cache_read_input_tokens + m.usage.cache_creation_input_tokens, m.usage.output_tokens],
  };
}

function ofChat(c) {
  const { message, finish_reason } = c.choices[0];
  return {
    text: message.content ?? "",
    thinking: message.reasoning_content ?? "",
    calls: (message.tool_calls ?? []).map((t) => [t.id, t.function.name, JSON.stringify(JSON.parse(t.function.arguments))]),
    stop: finish_reason,
    tokens: [c.usage.prompt_tokens, c.usage.completion_tokens],
  };
}

function ofResponse(r) {
  const thoughts = r.output.filter((i) => i.type === "reasoning").flatMap((i) => i.summary);
  return {
    text: r.output_text,
    thinking: thoughts.map((s) => s.text).join(""),
    calls: r.output.filter((i) => i.type === "function_call").map((i) => [i.call_id, i.name, JSON.stringify(JSON.parse(i.arguments))]),
    stop: r.incomplete_details?.reason ?? r.status,
    tokens: [r.usage.input_tokens, r.usage.output_tokens],
  };
}

async function told(call) {
  try {
    return await call();
  } catch (e) {
    return { error: e.error?.error?.message ?? e.error?.message ?? e.message, status: e.status ?? null };
  }
}

for (const name of cases) {
  const anthropic = new Anthropic({ ...quiet, baseURL: `${base}/${name}` });
  const openai = new OpenAI({ ...quiet, baseURL: `${base}/${name}/v1` });
  const message = { model: "m", max_tokens: 100, messages: ask };
  const chat = { model: "m", messages: ask };
  const response = { model: "m", input: "So?" };
  seen[name] = {
    "anthropic.messages": [
      await told(async () => ofMessage(await anthropic.messages.create(message))),
      await told(async () => ofMessage(await anthropic.messages.stream(message).finalMessage())),
    ],
    "openai.chat": [
      await told(async () => ofChat(await openai.chat.completions.create(chat))),
      await told(async () => ofChat(await openai.chat.completions.stream({ ...chat, stream_options: { include_usage: true } }).finalChatCompletion())),
    ],
    "openai.responses": [
      await told(async () => ofResponse(await openai.responses.create(response))),
      await told(async () => ofResponse(await openai.responses.stream(response).finalResponse())),
    ],
  };
}
console.log(JSON.stringify(seen));
