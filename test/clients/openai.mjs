// SPDX-License-Identifier: Apache-2.0

// The published OpenAI client: BASE_URL KEY MODEL QUESTION. Lists the models, asks once at once
// and once streaming, and prints what came.
import OpenAI from "openai";

const [baseURL, apiKey, model, question] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

const models = await client.models.list();
for (const m of models.data) console.log("model", m.id);

const messages = [{ role: "user", content: question }];
const answer = await client.chat.completions.create({ model, messages });
console.log("answer", answer.choices[0].message.content);
console.log("finish", answer.choices[0].finish_reason);
console.log("tokens", answer.usage.total_tokens);

const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
let text = "";
let chunks = 0;
let tokens = 0;
for await (const chunk of stream) {
  chunks++;
  text += chunk.choices[0]?.delta?.content ?? "";
  tokens += chunk.usage?.total_tokens ?? 0;
}
console.log("streamed", text);
console.log("chunks", chunks);
console.log("stream-tokens", tokens);
