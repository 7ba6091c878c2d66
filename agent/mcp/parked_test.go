// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/agent/upstream"
)

// asker is a tool that asks, in the middle of its call, as a legacy server does.
func asker(questions int) func(context.Context, upstream.Request) (tools.Result, error) {
	return func(ctx context.Context, _ upstream.Request) (tools.Result, error) {
		var said []string
		for n := range questions {
			answer, err := upstream.AskPeer(ctx, upstream.PeerFrom(ctx), &sdk.ElicitParams{Message: fmt.Sprint("question ", n)})
			if err != nil {
				return tools.Result{ToolResult: holdfast.ToolResult{Text: err.Error(), Failed: true}}, nil
			}
			said = append(said, fmt.Sprint(answer.(*sdk.ElicitResult).Content["x"]))
		}
		return tools.Result{ToolResult: holdfast.ToolResult{Text: strings.Join(said, ",")}}, nil
	}
}

// answering is a client that answers questions by their own words.
func answering(t *testing.T, url, version string) *sdk.ClientSession {
	t.Helper()
	var n atomic.Int32
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
		ElicitationHandler: func(context.Context, *sdk.ElicitRequest) (*sdk.ElicitResult, error) {
			return &sdk.ElicitResult{Action: "accept", Content: map[string]any{"x": fmt.Sprint("answer ", n.Add(1))}}, nil
		},
	})
	return session(t, client, url, version)
}

func session(t *testing.T, client *sdk.Client, url, version string) *sdk.ClientSession {
	t.Helper()
	session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: url, HTTPClient: keyed("agent")},
		&sdk.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func TestServerAsksInTheMiddleOfACall(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		books := newShelf(entry("ask", 0))
		books.does = asker(3)
		books.prompts = []tools.PromptEntry{{Prompt: sdk.Prompt{Name: "ask"}}}
		books.resources = []tools.ResourceEntry{{Resource: sdk.Resource{Name: "ask", URI: "test://ask"}}}
		s, url := endpoint(t, books)
		client := answering(t, url, version)
		called, err := client.CallTool(t.Context(), &sdk.CallToolParams{Name: "ask"})
		if err != nil || called.IsError || called.Content[0].(*sdk.TextContent).Text != "answer 1,answer 2,answer 3" {
			t.Errorf("the call is answered %+v, %v", called, err)
		}
		filled, err := client.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: "ask"})
		if err != nil || filled.Messages[0].Content.(*sdk.TextContent).Text != "answer 4,answer 5,answer 6" {
			t.Errorf("the prompt is answered %+v, %v", filled, err)
		}
		read, err := client.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: "test://ask"})
		if err != nil || read.Contents[0].Text != "answer 7,answer 8,answer 9" {
			t.Errorf("the resource is answered %+v, %v", read, err)
		}
		if len(s.parked.calls) != 0 {
			t.Errorf("%d calls stay parked", len(s.parked.calls))
		}
	})
}

func TestWhoCannotAnswerIsNotAsked(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		books := newShelf(entry("ask", 0))
		books.does = asker(1)
		_, url := endpoint(t, books)
		result, err := connect(t, url, "agent", version, nil).CallTool(t.Context(), &sdk.CallToolParams{Name: "ask"})
		if err != nil || !result.IsError || !strings.Contains(result.Content[0].(*sdk.TextContent).Text, "does not support elicitation") {
			t.Errorf("the call is answered %+v, %v", result, err)
		}
	})
}

// modernCall posts one call of the modern era as it stands on the wire.
func modernCall(t *testing.T, url, key, params string) map[string]any {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{` + params + `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
		`"io.modelcontextprotocol/clientInfo":{"name":"x","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}}`
	answer := post(t, url, key, body, map[string]string{versionHeader: modern, "Mcp-Method": "tools/call", "Mcp-Name": "ask"})
	_, data, ok := strings.Cut(answer.body, "data: ")
	if !ok {
		data = answer.body
	}
	var message map[string]any
	if err := json.Unmarshal([]byte(strings.SplitN(data, "\n", 2)[0]), &message); err != nil {
		t.Fatalf("%v: %d %s", err, answer.code, answer.body)
	}
	return message
}

func stateOf(t *testing.T, message map[string]any) string {
	t.Helper()
	result, _ := message["result"].(map[string]any)
	state, _ := result["requestState"].(string)
	if result["resultType"] != "input_required" || !strings.HasPrefix(state, parkedMark) {
		t.Fatalf("the call was not parked: %v", message)
	}
	return state
}

func TestParkedCallBelongsToItsCaller(t *testing.T) {
	books := newShelf(entry("ask", 0))
	books.does = asker(1)
	_, url := endpoint(t, books)
	const answer = `"inputResponses":{"input":{"action":"accept","content":{"x":"mine"}}}`
	state := stateOf(t, modernCall(t, url, "agent", `"name":"ask","arguments":{"a":1}`))
	for name, c := range map[string][2]string{
		"of another caller":     {"operator", `"name":"ask","arguments":{"a":1},` + answer + `,"requestState":"` + state + `"`},
		"with other arguments":  {"agent", `"name":"ask","arguments":{"a":2},` + answer + `,"requestState":"` + state + `"`},
		"with a state made up":  {"agent", `"name":"ask","arguments":{"a":1},` + answer + `,"requestState":"` + state + `x"`},
		"with an empty made up": {"agent", `"name":"ask","arguments":{"a":1},` + answer + `,"requestState":"` + parkedMark + `"`},
	} {
		if got := modernCall(t, url, c[0], c[1]); got["error"] == nil {
			t.Errorf("a retry %s is answered %v", name, got)
		}
	}
	// Without the answer it is asked again, in a state of its own.
	again := stateOf(t, modernCall(t, url, "agent", `"name":"ask","arguments":{"a":1},"requestState":"`+state+`"`))
	if again == state {
		t.Error("a state was used twice")
	}
	done := modernCall(t, url, "agent", `"name":"ask","arguments":{"a":1},`+answer+`,"requestState":"`+again+`"`)
	if text := fmt.Sprint(done["result"]); !strings.Contains(text, "mine") {
		t.Errorf("the retry is answered %v", done)
	}
	if got := modernCall(t, url, "agent", `"name":"ask","arguments":{"a":1},`+answer+`,"requestState":"`+again+`"`); got["error"] == nil {
		t.Errorf("a state was taken twice: %v", got)
	}
	wrong := stateOf(t, modernCall(t, url, "agent", `"name":"ask","arguments":{"a":1}`))
	if got := modernCall(t, url, "agent", `"name":"ask","arguments":{"a":1},"inputResponses":{"input":{"roots":[]}},"requestState":"`+wrong+`"`); got["error"] == nil {
		t.Errorf("roots were taken for an elicitation: %v", got)
	}
}

// parkedCall parks a call of an owner and answers how it ended.
func parkedCall(t *testing.T, l *lot, owner string) (state string, ended <-chan error) {
	t.Helper()
	over := make(chan error, 1)
	p := &peer{capabilities: &sdk.ClientCapabilities{Elicitation: &sdk.ElicitationCapabilities{}}}
	c := l.start(t.Context(), owner, p, &line{ctx: t.Context()}, func(ctx context.Context) (any, error) {
		_, err := p.Ask(ctx, &sdk.ElicitParams{Message: "well?"})
		over <- err
		return nil, err
	})
	_, asked, err := l.follow(c, &line{ctx: t.Context()})
	if asked == nil {
		return fmt.Sprint(err), over
	}
	return asked.state, over
}

func TestParkedCallsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lot
		state, ended := parkedCall(t, &l, "a"+ownerEnd)
		<-time.After(parkedFor - time.Second)
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("it ended too soon: %v", err)
		default:
		}
		<-time.After(2 * time.Second)
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("after its time it ended with %v", err)
		}
		_, _, err := l.resume(state, "a"+ownerEnd, nil, nil)
		if said, ok := errors.AsType[*jsonrpc.Error](err); !ok || said.Code != jsonrpc.CodeInvalidParams {
			t.Errorf("who comes too late is told %v", err)
		}
		// To come back without the answer gives no more time.
		state, ended = parkedCall(t, &l, "a"+ownerEnd)
		<-time.After(parkedFor - time.Second)
		if _, again, err := l.resume(state, "a"+ownerEnd, &line{ctx: t.Context()}, nil); again == nil || err != nil {
			t.Fatalf("who comes back without the answer is told %v", err)
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("a call is parked for longer by coming back for it")
		}
		_, ended = parkedCall(t, &l, "a"+ownerEnd)
		l.close()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("at the end of the house it ended with %v", err)
		}
		if said, _ := parkedCall(t, &l, "a"+ownerEnd); !strings.Contains(said, "too many") {
			t.Errorf("a closed lot took a call: %s", said)
		}
	})
}

func TestParkedCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lot
		parked := 0
		for face := range 2 * parkedMost / parkedEach {
			for n := range 2 * parkedEach {
				state, _ := parkedCall(t, &l, fmt.Sprint(face, ownerEnd, n))
				if strings.HasPrefix(state, parkedMark) {
					parked++
				} else if !strings.Contains(state, "too many") {
					t.Fatalf("refused with %s", state)
				}
			}
			if face == 0 && parked != parkedEach {
				t.Errorf("one caller has %d parked calls, want %d", parked, parkedEach)
			}
		}
		if parked != parkedMost || len(l.calls) != parkedMost {
			t.Errorf("%d calls are parked, want %d", parked, parkedMost)
		}
		l.close()
		synctest.Wait()
	})
}

func TestClientThatGoesAwayEndsItsCall(t *testing.T) {
	books := newShelf(entry("ask", 0))
	books.calls = make(chan context.Context)
	_, url := endpoint(t, books)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _, _ = connect(t, url, "agent", modern, nil).CallTool(ctx, &sdk.CallToolParams{Name: "ask"}) }()
	call := <-books.calls
	cancel()
	select {
	case <-call.Done():
	case <-time.After(time.Minute):
		t.Error("the tool was not cancelled")
	}
}

func TestWordsOfACallReachItsClient(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		books := newShelf(entry("talk", 0))
		books.does = func(ctx context.Context, _ upstream.Request) (tools.Result, error) {
			p := upstream.PeerFrom(ctx)
			p.Progress(&sdk.ProgressNotificationParams{ProgressToken: "the house's own", Progress: 1, Total: 2, Message: "half"})
			p.Log(&sdk.LoggingMessageParams{Level: "warning", Data: "careful"})
			p.Log(&sdk.LoggingMessageParams{Level: "debug", Data: "never mind"})
			return tools.Result{ToolResult: holdfast.ToolResult{Text: "done"}}, nil
		}
		_, url := endpoint(t, books)
		progress, logged := make(chan *sdk.ProgressNotificationParams, 8), make(chan any, 8)
		client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
			ProgressNotificationHandler: func(_ context.Context, r *sdk.ProgressNotificationClientRequest) { progress <- r.Params },
			LoggingMessageHandler:       func(_ context.Context, r *sdk.LoggingMessageRequest) { logged <- r.Params.Data },
		})
		session := session(t, client, url, version)
		params := &sdk.CallToolParams{Name: "talk", Meta: sdk.Meta{"progressToken": "mine"}}
		if version == modern {
			params.Meta[sdk.MetaKeyLogLevel] = "info"
		} else if err := session.SetLoggingLevel(t.Context(), &sdk.SetLoggingLevelParams{Level: "info"}); err != nil {
			t.Fatal(err)
		}
		if _, err := session.CallTool(t.Context(), params); err != nil {
			t.Fatal(err)
		}
		if got := <-progress; got.ProgressToken != "mine" || got.Progress != 1 || got.Message != "half" {
			t.Errorf("progress is %+v", got)
		}
		if got := <-logged; got != "careful" {
			t.Errorf("logged is %v", got)
		}
		// Who asks for neither hears neither.
		if _, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: "talk"}); err != nil {
			t.Fatal(err)
		}
		if len(progress) > 0 || len(logged) > 0 && version == modern {
			t.Errorf("%d of progress and %d log messages came unasked", len(progress), len(logged))
		}
	})
}

// TestTheFirstWordsOfACallAreHeard: what a call says before its request is followed, at its beginning and
// when it goes on after an answer, is not lost.
func TestTheFirstWordsOfACallAreHeard(t *testing.T) {
	var l lot
	var heard []string
	p := &peer{capabilities: &sdk.ClientCapabilities{Elicitation: &sdk.ElicitationCapabilities{}}}
	say := func(word string) {
		p.say(func(*line) func() { return func() { heard = append(heard, word) } })
	}
	over, said := &line{ctx: t.Context()}, make(chan struct{})
	c := l.start(t.Context(), "a"+ownerEnd, p, over, func(ctx context.Context) (any, error) {
		say("begun")
		close(said)
		_, err := p.Ask(ctx, &sdk.ElicitParams{Message: "well?"})
		say("answered")
		return nil, err
	})
	<-said
	_, asked, err := l.follow(c, over)
	if asked == nil {
		t.Fatal(err)
	}
	answer := sdk.InputResponseMap{question: &sdk.ElicitResult{Action: "accept"}}
	if c, _, err = l.resume(asked.state, "a"+ownerEnd, over, answer); err != nil {
		t.Fatal(err)
	}
	<-c.done
	if _, _, err := l.follow(c, over); err != nil || fmt.Sprint(heard) != "[begun answered]" {
		t.Errorf("heard is %v, %v", heard, err)
	}
}

func TestFloodOfWordsDoesNotHoldACall(t *testing.T) {
	stalled := make(chan struct{})
	p := &peer{}
	p.hold(&line{ctx: t.Context()})
	for range 10 * manyWords {
		p.say(func(*line) func() { return func() { <-stalled } })
	}
	close(stalled)
	p.letGo()
	p.Progress(&sdk.ProgressNotificationParams{}) // nobody listens any more
}

// Who comes back without the answer, and is gone before it is asked again, leaves no call behind.
func TestACallIsNotParkedAgainForNobody(t *testing.T) {
	var l lot
	ended, end := context.WithCancel(t.Context())
	c := &call{owner: "face" + ownerEnd, cancel: end}
	state := l.park(c, inquiry{&sdk.ElicitParams{}, make(chan sdk.InputResponse, 1)})
	gone, leave := context.WithCancel(t.Context())
	leave()
	_, asked, err := l.resume(state, c.owner, &line{ctx: gone}, nil)
	if asked != nil || !errors.Is(err, context.Canceled) || l.has("face") || ended.Err() == nil {
		t.Errorf("asked %+v, %v, parked %v, ended %v", asked, err, l.has("face"), ended.Err())
	}
}
