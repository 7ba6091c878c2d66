// SPDX-License-Identifier: Apache-2.0

// A published chat client against an agent, unmodified:
//   node chat.mjs CLIENT BASE_URL KEY MODEL
// CLIENT is openai6, openai7, ai6 or ai7. It lists the models, asks whole and streaming while a tool
// runs, approves and denies a call, brings a tool of its own, and hangs up; what it saw is one JSON
// object.

const [which, baseURL, apiKey, model] = process.argv.slice(2);
const question = "What are my notes?";
const forget = "Please forget note 1";
const lamp = "What is on my shelf?";
const story = "Tell me a long story";
const seen = { client: which };

async function openai() {
  const { default: OpenAI } = await import(which);
  const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
  const ask = (content) => [{ role: "user", content }];
  const messages = ask(question);

  const models = await client.models.list();
  const listed = models.data.find((m) => m.id === model);
  seen.model = [listed.is_preset, listed.base_agent, listed.tool_count];

  const whole = await client.chat.completions.create({ model, messages });
  seen.whole = whole.choices[0].message.content;
  seen.tokens = whole.usage.total_tokens;

  const stream = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
  const shown = [];
  stream.on("chunk", (chunk) => chunk.holdfast_tool_call && shown.push(`${chunk.holdfast_tool_call.name} ${chunk.holdfast_tool_call.status}`));
  seen.stream = (await stream.finalChatCompletion()).choices[0].message.content;
  seen.streamTokens = (await stream.totalUsage()).total_tokens;
  seen.shown = shown;

  for (const approval of ["allow", "deny"]) {
    const asked = await client.chat.completions.stream({ model, messages: ask(forget) }).finalChatCompletion();
    const call = asked.choices[0].message.tool_calls[0];
    const answer = { role: "tool", tool_call_id: call.id, content: JSON.stringify({ approval }) };
    const after = await client.chat.completions.create({ model, messages: [...ask(forget), asked.choices[0].message, answer] });
    seen[approval] = [call.function.name, after.choices[0].message.content];
  }

  const runner = client.chat.completions.runTools({
    model,
    messages: ask(lamp),
    tools: [{
      type: "function",
      function: { name: "shelf", description: "my shelf", parameters: { type: "object", properties: {} }, parse: JSON.parse, function: async () => "a lamp" },
    }],
  });
  seen.own = await runner.finalContent();

  const hung = client.chat.completions.stream({ model, messages: ask(story) });
  hung.once("content", () => hung.abort());
  seen.cancelled = await hung.done().then(() => false, (error) => error instanceof OpenAI.APIUserAbortError);
}

async function ai() {
  const { generateText, streamText, tool, jsonSchema, stepCountIs, isStepCount } = await import(which);
  const { createOpenAICompatible } = await import(which === "ai6" ? "compatible2" : "compatible3");
  const house = createOpenAICompatible({ name: "house", baseURL, apiKey, includeUsage: true });
  const stop = (stepCountIs ?? isStepCount)(3);
  const options = { model: house(model), maxRetries: 0 };

  const whole = await generateText({ ...options, prompt: question });
  seen.whole = whole.text;
  seen.tokens = whole.usage.totalTokens;

  const stream = streamText({ ...options, prompt: question });
  seen.stream = await stream.text;
  seen.streamTokens = (await stream.usage).totalTokens;

  for (const approval of ["allow", "deny"]) {
    // The call is of a tool of the house, which the client does not know: it hands the call on.
    const done = await generateText({ ...options, prompt: forget });
    const call = done.toolCalls[0];
    const after = await generateText({
      ...options,
      messages: [
        { role: "user", content: forget },
        ...(done.response?.messages ?? done.responseMessages).filter((m) => m.role === "assistant"),
        { role: "tool", content: [{ type: "tool-result", toolCallId: call.toolCallId, toolName: call.toolName, output: { type: "json", value: { approval } } }] },
      ],
    });
    seen[approval] = [call.toolName, after.text];
  }

  const own = await generateText({
    ...options,
    prompt: lamp,
    stopWhen: stop,
    tools: { shelf: tool({ description: "my shelf", inputSchema: jsonSchema({ type: "object", properties: {} }), execute: async () => "a lamp" }) },
  });
  seen.own = own.text;

  const hangUp = new AbortController();
  const hung = streamText({ ...options, prompt: story, abortSignal: hangUp.signal, onError: () => {} });
  seen.cancelled = false;
  for await (const part of hung.fullStream) {
    if (part.type === "text-delta") hangUp.abort();
    if (part.type === "abort") seen.cancelled = true;
  }
}

await (which.startsWith("openai") ? openai() : ai());
console.log(JSON.stringify(seen));
process.exit(0);
