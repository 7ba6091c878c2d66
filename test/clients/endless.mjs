// SPDX-License-Identifier: Apache-2.0

// Reads one stream by the published OpenAI client: BASE_URL KEY MODEL QUESTION BEGUN. The file BEGUN is
// there once the first chunk came; how the stream ended is printed.
import { writeFileSync } from "node:fs";
import OpenAI from "openai";

const [baseURL, apiKey, model, question, begun] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

let chunks = 0;
try {
  const stream = await client.chat.completions.create({ model, messages: [{ role: "user", content: question }], stream: true });
  for await (const _ of stream) if (chunks++ === 0) writeFileSync(begun, "");
  console.log("ended by itself");
} catch (error) {
  console.log("ended with", error.code ?? error.error?.code, error.message);
}
