// SPDX-License-Identifier: Apache-2.0

package dialecttest

// An answerCase is one plain answer as the servers of each dialect give it, and what it says.
type answerCase struct {
	name   string
	says   Transcript
	bodies map[string]string
}

func answerCases() []answerCase {
	return []answerCase{
		{
			name: "text", says: Transcript{Text: "Hi \"you\" \u00e9", Stop: "end", Usage: Counts{Input: 40, Cached: 30, Output: 7}},
			bodies: map[string]string{
				Chat: `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi \"you\" \u00e9","refusal":null},
					"finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":40,"completion_tokens":7,"total_tokens":47,"prompt_tokens_details":{"cached_tokens":30}}}`,
				Responses: `{"id":"resp_1","object":"response","created_at":1700000000,"status":"completed","model":"m","output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant",
					"content":[{"type":"output_text","text":"Hi \"you\" \u00e9","annotations":[]}]}],"usage":{"input_tokens":40,"input_tokens_details":{"cached_tokens":30},"output_tokens":7,
					"output_tokens_details":{"reasoning_tokens":0},"total_tokens":47}}`,
				Messages: `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi \"you\" \u00e9"}],"stop_reason":"end_turn","stop_sequence":null,
					"usage":{"input_tokens":6,"cache_creation_input_tokens":4,"cache_read_input_tokens":30,"output_tokens":7}}`,
			},
		},
		{
			name: "parallel calls", says: Transcript{
				Text: "I look.", Stop: "tools", Usage: Counts{Input: 40, Output: 50},
				Calls: []Call{{"call_1", "weather", `{"city":"Oslo"}`}, {"call_2", "now", `{}`}},
			},
			bodies: map[string]string{
				Chat: `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"I look.","tool_calls":[
					{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\": \"Oslo\"}"}},{"id":"call_2","type":"function","function":{"name":"now","arguments":"{}"}}]},
					"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":40,"completion_tokens":50,"total_tokens":90}}`,
				Responses: `{"id":"resp_1","object":"response","created_at":1700000000,"status":"completed","model":"m","output":[
					{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"I look.","annotations":[]}]},
					{"type":"function_call","id":"fc_1","status":"completed","call_id":"call_1","name":"weather","arguments":"{\"city\": \"Oslo\"}"},
					{"type":"function_call","id":"fc_2","status":"completed","call_id":"call_2","name":"now","arguments":"{}"}],
					"usage":{"input_tokens":40,"input_tokens_details":{"cached_tokens":0},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":90}}`,
				Messages: `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"I look."},{"type":"tool_use","id":"call_1","name":"weather","input":{"city": "Oslo"}},
					{"type":"tool_use","id":"call_2","name":"now","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":40,"output_tokens":50}}`,
			},
		},
		{
			name: "cut by the limit", says: Transcript{Text: "On", Thinking: "Hm.", Stop: "length", Usage: Counts{Input: 40, Output: 7, Reasoning: 5}},
			bodies: map[string]string{
				Chat: `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","reasoning_content":"Hm.","content":"On"},
					"finish_reason":"length"}],"usage":{"prompt_tokens":40,"completion_tokens":7,"total_tokens":47,"completion_tokens_details":{"reasoning_tokens":5}}}`,
				Responses: `{"id":"resp_1","object":"response","created_at":1700000000,"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"model":"m","output":[
					{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm."}]},
					{"type":"message","id":"msg_1","status":"incomplete","role":"assistant","content":[{"type":"output_text","text":"On","annotations":[]}]}],
					"usage":{"input_tokens":40,"input_tokens_details":{"cached_tokens":0},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":47}}`,
				Messages: `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"Hm.","signature":"EqQB"},{"type":"text","text":"On"}],
					"stop_reason":"max_tokens","stop_sequence":null,"usage":{"input_tokens":40,"output_tokens":7,"output_tokens_details":{"thinking_tokens":5}}}`,
			},
		},
		{
			name: "filtered", says: Transcript{Text: "I", Stop: "filter", Usage: Counts{Input: 40, Output: 2}},
			bodies: map[string]string{
				Chat: `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"I"},
					"finish_reason":"content_filter"}],"usage":{"prompt_tokens":40,"completion_tokens":2,"total_tokens":42}}`,
				Responses: `{"id":"resp_1","object":"response","created_at":1700000000,"status":"incomplete","incomplete_details":{"reason":"content_filter"},"model":"m","output":[
					{"type":"message","id":"msg_1","status":"incomplete","role":"assistant","content":[{"type":"output_text","text":"I","annotations":[]}]}],
					"usage":{"input_tokens":40,"input_tokens_details":{"cached_tokens":0},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":42}}`,
				Messages: `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"I"}],"stop_reason":"refusal","stop_sequence":null,
					"usage":{"input_tokens":40,"output_tokens":2}}`,
			},
		},
	}
}
