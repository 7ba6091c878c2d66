// SPDX-License-Identifier: Apache-2.0

// The published OpenAI client asks for embeddings, which it wants in base64: BASE_URL KEY MODEL.
// Prints how long the vectors are, and whether the same text has the same one as numbers.
import OpenAI from "openai";

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

const both = await client.embeddings.create({ model, input: ["a quiet sea", "a loud one"], dimensions: 8 });
const one = await client.embeddings.create({ model, input: "a quiet sea", dimensions: 8, encoding_format: "float" });
const [quiet, loud] = both.data.map((d) => Array.from(d.embedding));
const near = (a, b) => a.length === b.length && a.every((x, i) => Math.abs(x - b[i]) < 1e-6);
console.log("vectors", both.data.length, quiet.length, "tokens", both.usage.total_tokens);
console.log("same", near(quiet, one.data[0].embedding), "other", !near(quiet, loud));
