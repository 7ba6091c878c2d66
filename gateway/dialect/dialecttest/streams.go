// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"encoding/json"
	"strings"
)

// A streamCase is one streamed answer as the servers of each dialect send it, and what it says.
type streamCase struct {
	name    string
	says    Transcript
	streams map[string]string
}

// chatStream writes the data of a stream of chat completions: each line is a delta, then the finish
// reason and usage.
func chatStream(finish, usage string, deltas ...string) string {
	chunk := func(choices, tail string) string {
		return `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[` + choices + `]` + tail + "}\n\n"
	}
	var out strings.Builder
	out.WriteString(chunk(`{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}`, ""))
	for _, d := range deltas {
		out.WriteString(chunk(`{"index":0,"delta":`+d+`,"finish_reason":null}`, ""))
	}
	out.WriteString(chunk(`{"index":0,"delta":{},"finish_reason":"`+finish+`"}`, ""))
	out.WriteString(chunk("", `,"usage":`+usage))
	return out.String() + "data: [DONE]\n\n"
}

// namedStream writes events that carry their type: Anthropic's as they are, those of the Responses API
// with the numbers that they need.
func namedStream(numbered bool, events ...string) string {
	var out strings.Builder
	for i, data := range events {
		var e map[string]any
		if json.Unmarshal([]byte(data), &e) != nil {
			return data
		}
		if numbered {
			e["sequence_number"] = i
		}
		whole, _ := json.Marshal(e)
		out.WriteString("event: " + e["type"].(string) + "\ndata: " + string(whole) + "\n\n")
	}
	return out.String()
}

const (
	responseBegun = `"id":"resp_1","object":"response","created_at":1700000000,"model":"m","status":"in_progress","output":[]`
	messageBegun  = `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,` +
		`"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":30,"output_tokens":1}}}`
)

func responsesStream(end string, events ...string) string {
	list := append([]string{
		`{"type":"response.created","response":{` + responseBegun + `}}`,
		`{"type":"response.in_progress","response":{` + responseBegun + `}}`,
	}, events...)
	return namedStream(true, append(list, end)...)
}

func responsesEnd(kind, extra, output, usage string) string {
	return `{"type":"response.` + kind + `","response":{"id":"resp_1","object":"response","created_at":1700000000,"model":"m","status":"` + kind + `"` + extra +
		`,"output":[` + output + `],"usage":` + usage + `}}`
}

// responsesText is a message in a stream of the Responses API, and the item as its end repeats it.
func responsesText(at, id, status string, deltas ...string) (events []string, item string) {
	place := `"output_index":` + at + `,"item_id":"` + id + `","content_index":0`
	events = []string{
		`{"type":"response.output_item.added","output_index":` + at + `,"item":{"type":"message","id":"` + id + `","status":"in_progress","role":"assistant","content":[]}}`,
		`{"type":"response.content_part.added",` + place + `,"part":{"type":"output_text","text":"","annotations":[]}}`,
	}
	for _, d := range deltas {
		events = append(events, `{"type":"response.output_text.delta",`+place+`,"delta":"`+d+`","logprobs":[]}`)
	}
	part := `{"type":"output_text","text":"` + strings.Join(deltas, "") + `","annotations":[]}`
	item = `{"type":"message","id":"` + id + `","status":"` + status + `","role":"assistant","content":[` + part + `]}`
	return append(
		events,
		`{"type":"response.output_text.done",`+place+`,"text":"`+strings.Join(deltas, "")+`","logprobs":[]}`,
		`{"type":"response.content_part.done",`+place+`,"part":`+part+`}`,
		`{"type":"response.output_item.done","output_index":`+at+`,"item":`+item+`}`,
	), item
}

// responsesCall is a call in a stream of the Responses API; the deltas are escaped for JSON.
func responsesCall(at, id, call, name string, deltas ...string) (events []string, item string) {
	place := `"output_index":` + at + `,"item_id":"` + id + `"`
	head := `{"type":"function_call","id":"` + id + `","call_id":"` + call + `","name":"` + name + `",`
	events = []string{`{"type":"response.output_item.added","output_index":` + at + `,"item":` + head + `"status":"in_progress","arguments":""}}`}
	for _, d := range deltas {
		events = append(events, `{"type":"response.function_call_arguments.delta",`+place+`,"delta":"`+d+`"}`)
	}
	whole := strings.Join(deltas, "")
	item = head + `"status":"completed","arguments":"` + whole + `"}`
	return append(
		events,
		`{"type":"response.function_call_arguments.done",`+place+`,"name":"`+name+`","arguments":"`+whole+`"}`,
		`{"type":"response.output_item.done","output_index":`+at+`,"item":`+item+`}`,
	), item
}

func responsesThinking(text string) (events []string, item string) {
	const place = `"output_index":0,"item_id":"rs_1","summary_index":0`
	item = `{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"` + text + `"}]}`
	return []string{
		`{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}}`,
		`{"type":"response.reasoning_summary_part.added",` + place + `,"part":{"type":"summary_text","text":""}}`,
		`{"type":"response.reasoning_summary_text.delta",` + place + `,"delta":"` + text + `"}`,
		`{"type":"response.reasoning_summary_text.done",` + place + `,"text":"` + text + `"}`,
		`{"type":"response.reasoning_summary_part.done",` + place + `,"part":{"type":"summary_text","text":"` + text + `"}}`,
		`{"type":"response.output_item.done","output_index":0,"item":` + item + `}`,
	}, item
}

func streamCases() []streamCase {
	return []streamCase{streamedText(), streamedCalls(), streamedThinking()}
}

func streamedText() streamCase {
	events, item := responsesText("0", "msg_1", "completed", "Hi ", `\"you\"`, " \u00e9\U0001F600")
	return streamCase{
		name: "text", says: Transcript{Text: "Hi \"you\" \u00e9\U0001F600", Stop: "end", Usage: Counts{Input: 40, Cached: 30, Output: 7}},
		streams: map[string]string{
			Chat: chatStream("stop", `{"prompt_tokens":40,"completion_tokens":7,"total_tokens":47,"prompt_tokens_details":{"cached_tokens":30}}`,
				`{"content":"Hi "}`, `{"content":"\"you\""}`, `{"content":" \u00e9\ud83d\ude00"}`),
			Responses: responsesStream(responsesEnd("completed", "", item,
				`{"input_tokens":40,"input_tokens_details":{"cached_tokens":30},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":47}`), events...),
			Messages: namedStream(
				false, messageBegun, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`, `{"type":"ping"}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi "}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\"you\""}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" \u00e9\ud83d\ude00"}}`,
				`{"type":"content_block_stop","index":0}`,
				`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}`, `{"type":"message_stop"}`,
			),
		},
	}
}

func streamedCalls() streamCase {
	said, text := responsesText("0", "msg_1", "completed", "I look.")
	first, one := responsesCall("1", "fc_1", "call_1", "weather", `{\"city\"`, `: \"Oslo\"}`)
	second, two := responsesCall("2", "fc_2", "call_2", "now", `{}`)
	return streamCase{
		name: "parallel calls", says: Transcript{
			Text: "I look.", Stop: "tools", Usage: Counts{Input: 40, Cached: 30, Output: 50},
			Calls: []Call{{"call_1", "weather", `{"city":"Oslo"}`}, {"call_2", "now", `{}`}},
		},
		streams: map[string]string{
			Chat: chatStream(
				"tool_calls", `{"prompt_tokens":40,"completion_tokens":50,"total_tokens":90,"prompt_tokens_details":{"cached_tokens":30}}`,
				`{"content":"I look."}`,
				`{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]}`,
				`{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\""}}]}`, `{"tool_calls":[{"index":0,"function":{"arguments":": \"Oslo\"}"}}]}`,
				`{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"now","arguments":"{}"}}]}`,
			),
			Responses: responsesStream(responsesEnd("completed", "", text+","+one+","+two,
				`{"input_tokens":40,"input_tokens_details":{"cached_tokens":30},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":90}`),
				append(append(said, first...), second...)...),
			Messages: namedStream(
				false, messageBegun, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I look."}}`, `{"type":"content_block_stop","index":0}`,
				`{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"call_1","name":"weather","input":{}}}`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"city\""}}`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":": \"Oslo\"}"}}`, `{"type":"content_block_stop","index":1}`,
				`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"call_2","name":"now","input":{}}}`, `{"type":"content_block_stop","index":2}`,
				`{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":50}}`, `{"type":"message_stop"}`,
			),
		},
	}
}

func streamedThinking() streamCase {
	thought, one := responsesThinking("Hm.")
	said, two := responsesText("1", "msg_1", "incomplete", "On")
	return streamCase{
		name: "thinking, cut by the limit", says: Transcript{Text: "On", Thinking: "Hm.", Stop: "length", Usage: Counts{Input: 40, Cached: 30, Output: 7, Reasoning: 5}},
		streams: map[string]string{
			Chat: chatStream(
				"length", `{"prompt_tokens":40,"completion_tokens":7,"total_tokens":47,"prompt_tokens_details":{"cached_tokens":30},"completion_tokens_details":{"reasoning_tokens":5}}`,
				`{"reasoning_content":"Hm."}`, `{"content":"On"}`,
			),
			Responses: responsesStream(responsesEnd("incomplete", `,"incomplete_details":{"reason":"max_output_tokens"}`, one+","+two,
				`{"input_tokens":40,"input_tokens_details":{"cached_tokens":30},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":47}`),
				append(thought, said...)...),
			Messages: namedStream(
				false, messageBegun, `{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm."}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}`, `{"type":"content_block_stop","index":0}`,
				`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
				`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"On"}}`, `{"type":"content_block_stop","index":1}`,
				`{"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":{"output_tokens":7,"output_tokens_details":{"thinking_tokens":5}}}`,
				`{"type":"message_stop"}`,
			),
		},
	}
}
