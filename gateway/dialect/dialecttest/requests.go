// SPDX-License-Identifier: Apache-2.0

package dialecttest

// A requestCase is one request as the clients of each dialect send it.
type requestCase struct {
	name   string
	bodies map[string]string
}

const weather = `{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}`

// requestCases are what every dialect can say, or refuses by name.
func requestCases() []requestCase { return append(toolCases(), contentCases()...) }

// toolCases are settings, tools and what they answered.
func toolCases() []requestCase {
	return []requestCase{
		{name: "settings", bodies: map[string]string{
			Chat: `{"model":"claude-opus-4-6","stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":500,"temperature":0.5,"top_p":0.9,
				"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi, \"you\" \u00e9\ud83d\ude00"}]}`,
			Responses: `{"model":"claude-opus-4-6","stream":true,"max_output_tokens":500,"temperature":0.5,"top_p":0.9,
				"instructions":"Be brief.","input":"Hi, \"you\" \u00e9\ud83d\ude00"}`,
			Messages: `{"model":"claude-opus-4-6","stream":true,"max_tokens":500,"temperature":0.5,"top_p":0.9,
				"system":"Be brief.","messages":[{"role":"user","content":"Hi, \"you\" \u00e9\ud83d\ude00"}]}`,
		}},
		{name: "tools", bodies: map[string]string{
			Chat: `{"model":"claude-opus-4-6","max_tokens":500,"parallel_tool_calls":false,"tool_choice":"required",
				"tools":[{"type":"function","function":{"name":"weather","description":"Tells the weather.","parameters":` + weather + `,"strict":true}},
				{"type":"function","function":{"name":"clock","description":"Tells the time.","parameters":` + weather + `,"strict":false}}],
				"messages":[{"role":"user","content":"What time is it?"}]}`,
			Responses: `{"model":"claude-opus-4-6","max_output_tokens":500,"parallel_tool_calls":false,"tool_choice":"required",
				"tools":[{"type":"function","name":"weather","description":"Tells the weather.","parameters":` + weather + `,"strict":true},
				{"type":"function","name":"clock","description":"Tells the time.","parameters":` + weather + `,"strict":false}],
				"input":[{"role":"user","content":"What time is it?"}]}`,
			Messages: `{"model":"claude-opus-4-6","max_tokens":500,"tool_choice":{"type":"any","disable_parallel_tool_use":true},
				"tools":[{"name":"weather","description":"Tells the weather.","input_schema":` + weather + `,"strict":true},
				{"name":"clock","description":"Tells the time.","input_schema":` + weather + `,"strict":false}],
				"messages":[{"role":"user","content":"What time is it?"}]}`,
		}},
		{name: "one tool", bodies: map[string]string{
			Chat: `{"model":"claude-opus-4-6","max_tokens":500,"tool_choice":{"type":"function","function":{"name":"weather"}},
				"tools":[{"type":"function","function":{"name":"weather","parameters":` + weather + `,"strict":false}}],"messages":[{"role":"user","content":"So?"}]}`,
			Responses: `{"model":"claude-opus-4-6","max_output_tokens":500,"tool_choice":{"type":"function","name":"weather"},
				"tools":[{"type":"function","name":"weather","parameters":` + weather + `,"strict":false}],"input":[{"role":"user","content":[{"type":"input_text","text":"So?"}]}]}`,
			Messages: `{"model":"claude-opus-4-6","max_tokens":500,"tool_choice":{"type":"tool","name":"weather"},
				"tools":[{"name":"weather","input_schema":` + weather + `}],"messages":[{"role":"user","content":[{"type":"text","text":"So?"}]}]}`,
		}},
		{name: "parallel calls and results", bodies: map[string]string{
			Chat: `{"model":"claude-opus-4-6","max_tokens":500,"tool_choice":"auto","tools":[{"type":"function","function":{"name":"weather","parameters":` + weather + `,"strict":false}}],
				"messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":"Oslo and Rome?"},
				{"role":"assistant","content":"I look.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}},
				{"id":"call_2","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]},
				{"role":"tool","tool_call_id":"call_1","content":"3 degrees"},{"role":"tool","tool_call_id":"call_2","content":"21 degrees"},
				{"role":"assistant","content":"3 and 21."},{"role":"user","content":"And tomorrow?"}]}`,
			Responses: `{"model":"claude-opus-4-6","max_output_tokens":500,"tool_choice":"auto","tools":[{"type":"function","name":"weather","parameters":` + weather + `,"strict":false}],
				"input":[{"role":"developer","content":"Be brief."},{"role":"user","content":"Oslo and Rome?"},
				{"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[{"type":"output_text","text":"I look.","annotations":[]}]},
				{"type":"function_call","call_id":"call_1","name":"weather","arguments":"{\"city\":\"Oslo\"}"},
				{"type":"function_call","call_id":"call_2","name":"weather","arguments":"{\"city\":\"Rome\"}"},
				{"type":"function_call_output","call_id":"call_1","output":"3 degrees"},{"type":"function_call_output","call_id":"call_2","output":"21 degrees"},
				{"role":"assistant","content":"3 and 21."},{"role":"user","content":"And tomorrow?"}]}`,
			Messages: `{"model":"claude-opus-4-6","max_tokens":500,"tool_choice":{"type":"auto"},"tools":[{"name":"weather","input_schema":` + weather + `}],"system":"Be brief.",
				"messages":[{"role":"user","content":"Oslo and Rome?"},
				{"role":"assistant","content":[{"type":"text","text":"I look."},{"type":"tool_use","id":"call_1","name":"weather","input":{"city":"Oslo"}},
				{"type":"tool_use","id":"call_2","name":"weather","input":{"city":"Rome"}}]},
				{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"3 degrees"},{"type":"tool_result","tool_use_id":"call_2","content":[{"type":"text","text":"21 degrees"}]}]},
				{"role":"assistant","content":"3 and 21."},{"role":"user","content":"And tomorrow?"}]}`,
		}},
	}
}

// contentCases are what messages hold, and what answers shall be like.
func contentCases() []requestCase {
	return []requestCase{
		{name: "images", bodies: map[string]string{
			Chat: `{"model":"claude-opus-4-6","max_tokens":500,"messages":[{"role":"user","content":[{"type":"text","text":"Same?"},
				{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0="}},{"type":"image_url","image_url":{"url":"https://example.com/b.jpg","detail":"auto"}}]}]}`,
			Responses: `{"model":"claude-opus-4-6","max_output_tokens":500,"input":[{"role":"user","content":[{"type":"input_text","text":"Same?"},
				{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,iVBORw0="},{"type":"input_image","detail":"auto","image_url":"https://example.com/b.jpg"}]}]}`,
			Messages: `{"model":"claude-opus-4-6","max_tokens":500,"messages":[{"role":"user","content":[{"type":"text","text":"Same?"},
				{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0="}},{"type":"image","source":{"type":"url","url":"https://example.com/b.jpg"}}]}]}`,
		}},
		{name: "a file", bodies: map[string]string{
			Chat: `{"model":"claude-opus-4-6","max_tokens":500,"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERg=="}},
				{"type":"text","text":"Sum it up."}]}]}`,
			Responses: `{"model":"claude-opus-4-6","max_output_tokens":500,"input":[{"role":"user","content":[{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERg=="},
				{"type":"input_text","text":"Sum it up."}]}]}`,
			Messages: `{"model":"claude-opus-4-6","max_tokens":500,"messages":[{"role":"user","content":[{"type":"document","title":"a.pdf","source":{"type":"base64","media_type":"application/pdf","data":"JVBERg=="}},
				{"type":"text","text":"Sum it up."}]}]}`,
		}},
		{name: "structured output", bodies: map[string]string{
			Chat: `{"model":"claude-opus-4-6","max_tokens":500,"messages":[{"role":"user","content":"Oslo?"}],
				"response_format":{"type":"json_schema","json_schema":{"name":"place","schema":` + weather + `,"strict":true}}}`,
			Responses: `{"model":"claude-opus-4-6","max_output_tokens":500,"input":"Oslo?",
				"text":{"format":{"type":"json_schema","name":"place","schema":` + weather + `,"strict":true}}}`,
			Messages: `{"model":"claude-opus-4-6","max_tokens":500,"messages":[{"role":"user","content":"Oslo?"}],
				"output_config":{"format":{"type":"json_schema","schema":` + weather + `}}}`,
		}},
		{name: "reasoning", bodies: map[string]string{
			Chat:      `{"model":"claude-opus-4-6","max_tokens":500,"reasoning_effort":"high","messages":[{"role":"user","content":"Why?"}]}`,
			Responses: `{"model":"claude-opus-4-6","max_output_tokens":500,"reasoning":{"effort":"high"},"input":"Why?"}`,
			Messages:  `{"model":"claude-opus-4-6","max_tokens":500,"thinking":{"type":"adaptive"},"output_config":{"effort":"high"},"messages":[{"role":"user","content":"Why?"}]}`,
		}},
		{name: "no reasoning", bodies: map[string]string{
			Chat:      `{"model":"claude-opus-4-6","max_tokens":500,"reasoning_effort":"none","messages":[{"role":"user","content":"Why?"}]}`,
			Responses: `{"model":"claude-opus-4-6","max_output_tokens":500,"reasoning":{"effort":"none"},"input":"Why?"}`,
			Messages:  `{"model":"claude-opus-4-6","max_tokens":500,"thinking":{"type":"disabled"},"messages":[{"role":"user","content":"Why?"}]}`,
		}},
	}
}

// A saying is a request that clients of one dialect alone send, and what a model of another hears:
// each line of hears is in its description, none of never is.
type saying struct {
	name, from, body string
	hears, never     []string
}

// codingAgent is a request as Claude Code sends it: marks of what to cache with a scope, a system
// message amid the talk, thinking that is not shown, edits of old thinking, deferred nothing.
const codingAgent = `{"model":"claude-opus-4-8","max_tokens":32000,"stream":true,
	"metadata":{"user_id":"user_1_session_2"},"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"medium"},
	"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"diagnostics":{"previous_message_id":null},
	"system":[{"type":"text","text":"You are an agent."},{"type":"text","text":"Work in /src.","cache_control":{"type":"ephemeral","ttl":"1h","scope":"global"}}],
	"tools":[{"name":"Bash","description":"Runs.","input_schema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"command":{"type":"string"}}},
		"eager_input_streaming":true,"defer_loading":false},{"name":"Read","description":"Reads.","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],
	"messages":[{"role":"user","content":[{"type":"text","text":"Fix it."}]},
	{"role":"system","content":[{"type":"text","text":"Be careful.","cache_control":{"type":"ephemeral"}}]},
	{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"EqQB"},{"type":"text","text":"I look.","citations":null},
		{"type":"tool_use","id":"toolu_1","name":"Bash","input":{"command":"ls"},"caller":{"type":"direct"}},{"type":"tool_use","id":"toolu_2","name":"Read","input":{}}]},
	{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":"no such folder"},
		{"type":"tool_result","tool_use_id":"toolu_2","content":[{"type":"text","text":"a picture"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0="}}],
		"cache_control":{"type":"ephemeral"}},{"type":"text","text":"Go on."}]}]}`

// sayings are what no other dialect says in the same words.
func sayings() []saying {
	return []saying{
		{
			name: "a coding agent", from: Messages, body: codingAgent,
			hears: []string{
				"stream true limit 32000", "tool Bash: Runs.", "tool Read: Reads.", "effort medium", "says You are an agent.", "Work in /src.",
				"says Fix it.", "system  says Be careful.", "says I look.", `calls toolu_1 Bash {"command":"ls"}`, "calls toolu_2 Read {}",
				"answers toolu_1 ", "no such folder", "answers toolu_2 ", "a picture", "image/png iVBORw0=", "says Go on.",
			},
			never: []string{"EqQB", "global"},
		},
		{
			name: "a result that failed", from: Messages, body: `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"a"},
				{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
				{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":"no way"}]}]}`,
			hears: []string{"answers t failed says no way"},
		},
		{
			name: "thinking of a compatible server", from: Chat, body: `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"a"},
				{"role":"assistant","content":"b","reasoning_content":"Hm."},{"role":"user","content":"c"}]}`,
			hears: []string{"user  says a", "assistant  says b", "user  says c"},
		},
		{
			name: "tools that are no functions", from: Responses, body: `{"model":"m","max_output_tokens":500,"store":false,"reasoning":{"effort":"low","context":"all_turns"},
				"tools":[{"type":"custom","name":"apply_patch","description":"Edits.","format":{"type":"grammar","syntax":"lark","definition":"start: LINE"}},
				{"type":"tool_search","execution":"client","description":"Finds.","parameters":{"type":"object"}}],
				"input":[{"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"functions","description":"Code.","tools":[{"type":"custom","name":"exec","description":"Runs."}]}]},
				{"role":"user","content":"a"},{"type":"custom_tool_call","call_id":"t","name":"exec","namespace":"functions","input":"1 + 1"},
				{"type":"custom_tool_call_output","call_id":"t","output":"2"},{"type":"tool_search_call","call_id":"s","execution":"client","arguments":{"query":"mail"}},
				{"type":"tool_search_output","call_id":"s","execution":"client","tools":[{"type":"function","name":"send","description":"Sends.","parameters":{"type":"object"},"defer_loading":true}]}]}`,
			hears: []string{
				"tool apply_patch: Edits.", "start: LINE", "tool tool_search: Finds.", "tool functions__exec: Code.", "tool send: Sends.",
				`calls t functions__exec {"input":"1 + 1"}`, "answers t says 2", `calls s tool_search {"query":"mail"}`, "answers s says ", "send",
			},
		},
		{
			name: "deferred tools", from: Messages, body: `{"model":"m","max_tokens":500,
				"tools":[{"name":"Find","description":"Finds.","input_schema":{"type":"object"}},{"name":"Mail","description":"Mails.","input_schema":{"type":"object"},"defer_loading":true},
				{"name":"Hide","description":"Hides.","input_schema":{"type":"object"},"defer_loading":true}],
				"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"Find","input":{}}]},
				{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"tool_reference","tool_name":"Mail"}]}]}]}`,
			hears: []string{"tool Find: Finds.", "tool Mail: Mails.", "calls t Find {}", "answers t says ", "Mail"},
			never: []string{"Hides."},
		},
		{
			name: "encrypted thinking", from: Responses, body: `{"model":"m","max_output_tokens":5,"store":false,"include":["reasoning.encrypted_content"],"input":[{"role":"user","content":"a"},
				{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"gAAAAABo"},
				{"type":"function_call","call_id":"t","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"t","output":[{"type":"input_text","text":"ok"}]}]}`,
			hears: []string{"user  says a", "calls t f {}", "answers t says ok"},
		},
	}
}

// A refusal is a request that a client of one dialect sends and a model of another cannot be asked,
// with the field that the client reads is wrong.
type refusal struct {
	from, to string
	body     string
	field    string
}

func chatWith(members string) string {
	return `{"model":"claude-opus-4-6","max_tokens":500,"messages":[{"role":"user","content":"Hi"}],` + members + `}`
}

func messagesWith(members string) string { return chatWith(members) }

func responsesWith(members string) string {
	return `{"model":"claude-opus-4-6","max_output_tokens":500,"input":"Hi",` + members + `}`
}

// refusals are what one dialect says and another cannot.
func refusals() []refusal {
	list := []refusal{
		{Chat, Messages, chatWith(`"seed":7`), "seed"},
		{Chat, Messages, chatWith(`"n":2`), "n"},
		{Chat, Messages, chatWith(`"frequency_penalty":0.5`), "frequency_penalty"},
		{Chat, Messages, chatWith(`"presence_penalty":0.5`), "presence_penalty"},
		{Chat, Messages, chatWith(`"response_format":{"type":"json_object"}`), "response_format"},
		{Chat, Messages, chatWith(`"logprobs":true`), "logprobs"},
		{Chat, Messages, chatWith(`"logit_bias":{"5":1}`), "logit_bias"},
		{Chat, Messages, chatWith(`"temperature":1.5`), "temperature"},
		{Chat, Messages, chatWith(`"service_tier":"flex"`), "service_tier"},
		{Chat, Messages, chatWith(`"store":true`), "store"},
		{Chat, Messages, chatWith(`"web_search_options":{}`), "web_search_options"},
		{Chat, Messages, chatWith(`"modalities":["text","audio"]`), "modalities"},
		{Chat, Messages, chatWith(`"something_new":5`), "something_new"},
		{Chat, Responses, chatWith(`"seed":7`), "seed"},
		{Chat, Responses, chatWith(`"stop":"END"`), "stop"},
		{Chat, Responses, chatWith(`"presence_penalty":0.5`), "presence_penalty"},
		{Messages, Chat, messagesWith(`"top_k":5`), "top_k"},
		{
			Messages, Chat, `{"model":"m","max_tokens":5,"system":"S","messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
				{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]},{"role":"user","content":[{"type":"text","text":"b"},{"type":"image","source":{"type":"file","file_id":"file_1"}}]}]}`,
			"messages[3].content[1]",
		},
		{
			Chat, Messages, `{"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}]}]}`,
			"messages[1]",
		},
		{Messages, Responses, messagesWith(`"stop_sequences":["END"]`), "stop_sequences"},
		{Messages, Responses, messagesWith(`"top_k":5`), "top_k"},
		{Responses, Messages, responsesWith(`"previous_response_id":"resp_1"`), "previous_response_id"},
		{Responses, Messages, responsesWith(`"background":true`), "background"},
		{Responses, Messages, responsesWith(`"store":true`), "store"},
		{Responses, Messages, responsesWith(`"text":{"format":{"type":"json_object"}}`), "text.format"},
		{Responses, Messages, responsesWith(`"tools":[{"type":"web_search"}]`), "tools[0].type"},
		{Responses, Chat, responsesWith(`"tools":[{"type":"file_search","vector_store_ids":["a"]}]`), "tools[0].type"},
		{Responses, Chat, responsesWith(`"previous_response_id":"resp_1"`), "previous_response_id"},
	}
	for _, to := range []string{Chat, Responses} {
		list = append(list,
			refusal{Messages, to, messagesWith(`"container":"c"`), "container"},
			refusal{Messages, to, messagesWith(`"mcp_servers":[{}]`), "mcp_servers"},
			refusal{Messages, to, messagesWith(`"tools":[{"type":"web_search_20250305","name":"web_search"}]`), "tools[0].type"},
			refusal{Messages, to, messagesWith(`"something_new":5`), "something_new"},
			refusal{
				Messages, to, `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":[{"type":"search_result","source":"a","title":"b","content":[]}]}]}`,
				"messages[0].content[0].type",
			},
		)
	}
	return list
}
