// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"holdfast/agent/tools"
	"holdfast/agent/upstream"
	"holdfast/core/config"
	"holdfast/holdfasttest/need"
)

// events are the data lines of a stream.
func events(t *testing.T, body string) (chunks []map[string]any, done bool) {
	t.Helper()
	for text := range strings.SplitSeq(body, "\n\n") {
		data, ok := strings.CutPrefix(text, "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			return chunks, true
		}
		var c map[string]any
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		chunks = append(chunks, c)
	}
	return chunks, false
}

const streaming = `{"model":"passthrough_agent","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello"}]}`

func TestStreamShowsToolsAndTextAsTheyCome(t *testing.T) {
	b := newBench(t, line{text: "Let me see.", calls: []toolCall{call("c1", "list", `{"all": true}`)}}, line{text: "You have milk."})
	got := b.post(streaming)
	chunks, done := events(t, got.body)
	if !done || !strings.HasPrefix(got.header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("answer is %s", got.body)
	}
	var order []string
	for _, c := range chunks {
		if e, ok := c["holdfast_tool_call"].(map[string]any); ok {
			order = append(order, e["name"].(string)+" "+e["status"].(string))
		}
		choices := c["choices"].([]any)
		if len(choices) == 0 {
			if u := c["usage"].(map[string]any); u["total_tokens"] != 30.0 {
				t.Errorf("usage is %v", u)
			}
			order = append(order, "usage")
			continue
		}
		first := choices[0].(map[string]any)
		if text, _ := first["delta"].(map[string]any)["content"].(string); text != "" {
			order = append(order, text)
		}
		if first["finish_reason"] != nil {
			order = append(order, first["finish_reason"].(string))
		}
	}
	want := "Let |me |see.|list running|list done|\n\nYou |have |milk.|stop|usage"
	if got := strings.Join(order, "|"); got != want {
		t.Errorf("order is %q, want %q", got, want)
	}
	if asked := b.model.asked[0]; !asked.Stream || string(asked.Options) != `{"include_usage":true}` {
		t.Errorf("the model was asked %+v", asked)
	}
}

// TestStreamShowsHowFarAToolIs: its words go to the client, masked, and never to the model; what comes
// too soon after the last is left out, but for the end.
func TestStreamShowsHowFarAToolIs(t *testing.T) {
	b := newBench(t, line{calls: []toolCall{call("c1", "list", `{"all": true}`)}}, line{text: "ok"})
	late := make(chan upstream.Peer, 1)
	b.box.tools["list"] = func(ctx context.Context, _ json.RawMessage) (tools.Result, error) {
		peer := upstream.PeerFrom(ctx)
		peer.Progress(&mcp.ProgressNotificationParams{Meta: mcp.Meta{deltaMark: true}, Message: "a piece"})
		for i := range 50 {
			peer.Progress(&mcp.ProgressNotificationParams{Progress: float64(i), Total: 50, Message: "reading\x1b[31m sk-abcdefghijklmnopqrstuvwxyz0123456789"})
		}
		for range 3 {
			peer.Progress(&mcp.ProgressNotificationParams{Progress: 50, Total: 50, Message: "read all"})
		}
		if _, err := peer.Ask(ctx, &mcp.ElicitParams{}); err == nil {
			t.Error("an agent can be asked")
		}
		late <- peer
		return answers("milk")(ctx, nil)
	}
	got := b.post(streaming)
	(<-late).Progress(&mcp.ProgressNotificationParams{Progress: 1, Message: "too late"})
	var order []string
	chunks, done := events(t, got.body)
	for _, c := range chunks {
		if e, ok := c["holdfast_tool_call"].(map[string]any); ok {
			order = append(order, fmt.Sprint(e["id"], " ", e["status"], " ", e["progress"]))
		}
	}
	if want := "c1 running <nil>|c1 running map[done:0 message:•••• total:50]|c1 running map[done:50 message:read all total:50]|c1 done <nil>"; !done ||
		strings.Join(order, "|") != want {
		t.Errorf("it is told as %s, want %s", strings.Join(order, "|"), want)
	}
	if asked := string(encode(b.model.asked[1])); strings.Contains(asked, "read all") || strings.Contains(asked, "reading") {
		t.Errorf("the model was told %s", asked)
	}
	if whole := b.post(`{"model":"passthrough_agent","messages":[{"role":"user","content":"hello"}]}`); whole.status != http.StatusOK {
		t.Errorf("without a stream: %+v", whole)
	}
}

func TestStreamWithoutUsage(t *testing.T) {
	b := newBench(t, line{text: "ok"})
	got := b.post(strings.Replace(streaming, `"stream_options":{"include_usage":true},`, "", 1))
	if strings.Contains(got.body, "usage") {
		t.Errorf("usage was not asked for: %s", got.body)
	}
}

func TestStreamHandsOutCalls(t *testing.T) {
	b := newBench(t, line{calls: []toolCall{call("c1", "delete", `{"id":1}`)}})
	got := b.post(streaming)
	if !strings.Contains(got.body, `"tool_calls":[{"index":0,"id":"call_`) || !strings.Contains(got.body, `"finish_reason":"tool_calls"`) {
		t.Errorf("answer is %s", got.body)
	}
}

func TestErrorInsideAStreamIsAnEvent(t *testing.T) {
	b := newBench(t, line{text: "Well,", calls: []toolCall{call("c1", "list", `{}`)}}, line{status: 503, body: `{"error":{"message":"halted","code":"breaker_halt"}}`})
	chunks, done := events(t, b.post(streaming).body)
	if last := chunks[len(chunks)-1]; done || last["error"] == nil {
		t.Errorf("it ended with %v", last)
	}
	b = newBench(t, line{text: "cut here", cut: true})
	chunks, done = events(t, b.post(streaming).body)
	if last := chunks[len(chunks)-1]; done || last["error"] == nil {
		t.Errorf("a cut stream ended with %v", last)
	}
}

// A model that falls silent in the middle of its answer is given up at the time limit; the client
// keeps what it has, and is told why there is no more.
func TestAModelThatFallsSilent(t *testing.T) {
	silent := make(chan struct{})
	b := newBench(t, line{text: "It begins ", silent: silent})
	b.section.Time = config.Duration(100 * time.Millisecond)
	got := b.post(streaming)
	chunks, done := events(t, got.body)
	if !done || !strings.HasPrefix(got.said(), "It begins ") || !strings.Contains(got.said(), "time limit") || !strings.Contains(got.body, `"finish_reason":"length"`) {
		t.Errorf("it ended with %v: %s", chunks[len(chunks)-1], got.body)
	}
	<-silent
	kept, err := b.traces.newest(t.Context(), 1, "", "stopped")
	if err != nil || len(kept) != 1 {
		t.Errorf("its trace is %+v, %v", kept, err)
	}
}

func TestOpenAIGoClient(t *testing.T) {
	b := newBench(t,
		line{calls: []toolCall{call("c1", "list", `{}`)}}, line{text: "You have milk."},
		line{text: "Hm. ", calls: []toolCall{call("c1", "list", `{}`)}}, line{text: "You have milk."},
		line{calls: []toolCall{call("c1", "delete", `{"id":1}`)}},
	)
	client := openai.NewClient(option.WithBaseURL(b.url+"/v1"), option.WithAPIKey("x"), option.WithMaxRetries(0))
	params := openai.ChatCompletionNewParams{
		Model: Name, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("what have I?")},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{},
	}
	whole, err := client.Chat.Completions.New(t.Context(), params)
	if err != nil || whole.Choices[0].Message.Content != "You have milk." || whole.Usage.TotalTokens != 30 || whole.Usage.PromptTokensDetails.CachedTokens != 8 {
		t.Fatalf("answer is %+v, %v", whole, err)
	}
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	for _, want := range []string{"Hm. \n\nYou have milk.", ""} {
		stream := client.Chat.Completions.NewStreaming(t.Context(), params)
		var sum openai.ChatCompletionAccumulator
		for stream.Next() {
			if !sum.AddChunk(stream.Current()) {
				t.Errorf("a chunk cannot be added: %s", stream.Current().RawJSON())
			}
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		m := sum.Choices[0].Message
		if m.Content != want || sum.Usage.TotalTokens == 0 {
			t.Errorf("the stream says %q, %d tokens", m.Content, sum.Usage.TotalTokens)
		}
		if want == "" && (sum.Choices[0].FinishReason != "tool_calls" || m.ToolCalls[0].Function.Arguments != `{"id":1}`) {
			t.Errorf("the stream hands out %+v", sum.Choices[0])
		}
	}
}

func TestOpenAINodeClient(t *testing.T) {
	folder := need.Clients(t)
	b := newBench(t,
		line{calls: []toolCall{call("c1", "list", `{}`)}}, line{text: "You have milk."},
		line{text: "Hm. ", calls: []toolCall{call("c1", "list", `{}`)}}, line{text: "You have milk."},
		line{calls: []toolCall{call("c1", "delete", `{"id":1}`)}}, line{text: "Gone."},
		line{status: 503, body: `{"error":{"message":"halted","type":"server_error","param":null,"code":"breaker_halt"}}`},
	)
	command := exec.CommandContext(context.WithoutCancel(t.Context()), "node", "chat.mjs", b.url+"/v1", "key", Name)
	command.Dir = folder
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	want := `{"whole":"You have milk.","tokens":30,"stream":"Hm. \n\nYou have milk.","shown":["list running","list done"],"streamTokens":30,"asked":"delete","approved":"Gone.","error":{"status":503,"code":"breaker_halt"}}`
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("the client says\n%s, want\n%s", got, want)
	}
}
