// SPDX-License-Identifier: Apache-2.0

package dialecttest

// A oneWay is a stream that servers of one dialect alone send, and what clients hear. others holds
// what those of some dialects hear instead.
type oneWay struct {
	name, from, stream string
	says               Transcript
	others             map[string]Transcript
}

func messagesStream(end string, blocks ...string) string {
	list := append([]string{messageBegun}, blocks...)
	return namedStream(false, append(list, end, `{"type":"message_stop"}`)...)
}

func messagesText(text string) []string {
	return []string{
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"` + text + `"}}`, `{"type":"content_block_stop","index":0}`,
	}
}

// stopsAlike is what is heard where a reason to stop has no word of its own.
func stopsAlike(t Transcript, stop string, dialects ...string) map[string]Transcript {
	t.Stop = stop
	others := map[string]Transcript{}
	for _, name := range dialects {
		others[name] = t
	}
	return others
}

func oneWays() []oneWay {
	used := Counts{Input: 40, Cached: 30, Output: 7}
	return append(oneWaysOfChat(used), oneWaysOfMessages(used)...)
}

func oneWaysOfMessages(used Counts) []oneWay {
	sequence := Transcript{Text: "On", Stop: "sequence", Usage: used}
	pause := Transcript{Text: "On", Stop: "pause", Usage: used}
	return []oneWay{
		{
			name: "a stop sequence", from: Messages, says: sequence, others: stopsAlike(sequence, "end", Chat, Responses),
			stream: messagesStream(`{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"},"usage":{"output_tokens":7}}`, messagesText("On")...),
		},
		{
			name: "a pause", from: Messages, says: pause, others: stopsAlike(pause, "end", Chat, Responses),
			stream: messagesStream(`{"type":"message_delta","delta":{"stop_reason":"pause_turn","stop_sequence":null},"usage":{"output_tokens":7}}`, messagesText("On")...),
		},
		{
			name: "a full window", from: Messages, says: Transcript{Text: "On", Stop: "length", Usage: used},
			stream: messagesStream(`{"type":"message_delta","delta":{"stop_reason":"model_context_window_exceeded","stop_sequence":null},"usage":{"output_tokens":7}}`, messagesText("On")...),
		},
		{
			name: "a refusal without a word", from: Messages, says: Transcript{Stop: "filter", Usage: used},
			stream: messagesStream(`{"type":"message_delta","delta":{"stop_reason":"refusal","stop_sequence":null,"stop_details":{"type":"refusal","category":"bio","explanation":null}},"usage":{"output_tokens":7}}`),
		},
		{
			name: "thinking that is not shown", from: Messages, says: Transcript{Text: "On", Stop: "end", Usage: used},
			stream: messagesStream(
				`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}`,
				`{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"opaque"}}`, `{"type":"content_block_stop","index":0}`,
				`{"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"signature_delta","signature":"EqQB"}}`, `{"type":"content_block_stop","index":1}`,
				`{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}`, `{"type":"brand_new","index":2}`,
				`{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"On"}}`, `{"type":"content_block_stop","index":2}`,
			),
		},
		{
			name: "usage that grows", from: Messages, says: Transcript{Text: "On", Stop: "end", Usage: Counts{Input: 45, Cached: 30, Output: 9}},
			stream: messagesStream(
				`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":15,"output_tokens":9}}`,
				append(messagesText("On"), `{"type":"message_delta","delta":{"stop_reason":null,"stop_sequence":null},"usage":{"input_tokens":12,"output_tokens":5}}`)...,
			),
		},
	}
}

func oneWaysOfChat(used Counts) []oneWay {
	const usage = `{"prompt_tokens":40,"completion_tokens":7,"total_tokens":47,"prompt_tokens_details":{"cached_tokens":30}}`
	calls := []Call{{"call_1", "weather", `{"city":"Oslo"}`}, {"call_2", "weather", `{"city":"Rome"}`}}
	called := Transcript{Stop: "tools", Usage: used, Calls: calls}
	begin := func(at, id, arguments string) string {
		return `{"tool_calls":[{"index":` + at + `,"id":"` + id + `","type":"function","function":{"name":"weather","arguments":"` + arguments + `"}}]}`
	}
	more := func(at, arguments string) string {
		return `{"tool_calls":[{"index":` + at + `,"function":{"arguments":"` + arguments + `"}}]}`
	}
	refused := Transcript{Refusal: "No.", Stop: "end", Usage: used}
	return []oneWay{
		{
			name: "calls that come at the same time", from: Chat, says: called,
			stream: chatStream("tool_calls", usage, begin("0", "call_1", ""), begin("1", "call_2", ""), more("1", `{\"city\":`), more("0", `{\"city\"`),
				more("0", `:\"Oslo\"}`), more("1", `\"Rome\"}`)),
		},
		{
			name: "a call without arguments", from: Chat, says: Transcript{Stop: "tools", Usage: used, Calls: []Call{{"call_1", "weather", `{}`}}},
			stream: chatStream("tool_calls", usage, begin("0", "call_1", "")),
		},
		{
			name: "calls that end in stop", from: Chat, says: called,
			stream: chatStream("stop", usage, begin("0", "call_1", `{\"city\":\"Oslo\"}`), begin("1", "call_2", `{\"city\":\"Rome\"}`)),
		},
		{
			name: "a refusal", from: Chat, says: refused, others: map[string]Transcript{Messages: {Text: "No.", Stop: "filter", Usage: used}},
			stream: chatStream("stop", usage, `{"refusal":"No"}`, `{"refusal":"."}`),
		},
		{
			name: "roles and nulls in every chunk", from: Chat, says: Transcript{Text: "On", Thinking: "Hm.", Stop: "end", Usage: used},
			stream: chatStream("stop", usage, `{"role":"assistant","content":null,"reasoning":"Hm.","tool_calls":null}`, `{"role":"assistant","content":"On","refusal":null,"tool_calls":[]}`),
		},
		{
			name: "no usage", from: Chat, says: Transcript{Text: "On", Stop: "end"},
			stream: chatStream("stop", `null`, `{"content":"On"}`),
		},
	}
}
