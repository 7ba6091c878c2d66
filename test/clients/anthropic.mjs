// SPDX-License-Identifier: Apache-2.0

// The published Anthropic client: BASE_URL KEY MODEL QUESTION. Lists the models, counts, asks once at
// once and once streaming, and prints what came.
import Anthropic from "@anthropic-ai/sdk";

const [baseURL, apiKey, model, question] = process.argv.slice(2);
const client = new Anthropic({ baseURL, apiKey, maxRetries: 0 });

for await (const m of client.models.list()) console.log("model", m.id);

const messages = [{ role: "user", content: question }];
const counted = await client.messages.countTokens({ model, messages });
console.log("counted", counted.input_tokens);

const answer = await client.messages.create({ model, messages, max_tokens: 500 });
console.log("answer", answer.content[0].text);
console.log("stop", answer.stop_reason);
console.log("tokens", answer.usage.input_tokens, answer.usage.output_tokens);

const stream = client.messages.stream({ model, messages, max_tokens: 500 });
let text = "";
stream.on("text", (delta) => (text += delta));
const final = await stream.finalMessage();
console.log("streamed", text);
console.log("same", text === answer.content[0].text && final.stop_reason === answer.stop_reason);
console.log("stream-tokens", final.usage.input_tokens, final.usage.output_tokens);

try {
  await client.messages.create({ model, messages, max_tokens: 500, container: "box" });
} catch (e) {
  console.log("refused", e.status, e.error.error.type, e.error.error.message);
}
