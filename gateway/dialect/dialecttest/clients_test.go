// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
	"holdfast/holdfasttest/need"
)

// understood is what a published client made of an answer.
type understood struct {
	Text, Thinking, Stop string
	Calls                [][3]string
	Tokens               [2]int64
	Error                string
	Status               *int
}

// TestPublishedClients: the unmodified client libraries understand what the encoders write: each
// answer of each provider, in each dialect, plain and streamed, and an error in the middle.
func TestPublishedClients(t *testing.T) {
	t.Parallel()
	folder := need.Clients(t)
	tests := clientTests()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 2)
		test, ok := tests[parts[0]]
		client := dialectAt(r.URL.Path)
		if !ok || client == nil {
			http.NotFound(w, r)
			return
		}
		test.serve(t, w, r, client)
	}))
	defer server.Close()
	args := []string{"dialects.mjs", server.URL}
	for name := range tests {
		args = append(args, name)
	}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), "node", args...)
	command.Dir = folder
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	var seen map[string]map[string][2]understood
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, test := range tests {
		for _, d := range all() {
			test.judge(t, name, d.Name, seen[name][d.Name])
		}
	}
}

func dialectAt(path string) *dialect.Dialect {
	names := map[string]string{"/v1/messages": Messages, "/v1/chat/completions": Chat, "/v1/responses": Responses}
	for end, name := range names {
		for _, d := range all() {
			if strings.HasSuffix(path, end) && d.Name == name {
				return d
			}
		}
	}
	return nil
}

// A clientTest is a provider's answer, plain and streamed; broken ends the stream in an error.
type clientTest struct {
	provider *dialect.Dialect
	stream   streamCase
	broken   bool
}

func clientTests() map[string]clientTest {
	tests := map[string]clientTest{}
	for _, provider := range all() {
		for i, c := range streamCases() {
			name := fmt.Sprintf("%s-%d", provider.Name, i)
			tests[name] = clientTest{provider: provider, stream: c}
			tests[name+"-broken"] = clientTest{provider: provider, stream: c, broken: true}
		}
	}
	return tests
}

func (c clientTest) serve(t *testing.T, w http.ResponseWriter, r *http.Request, client *dialect.Dialect) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
		return
	}
	call, err := client.Scan(body)
	if err != nil {
		t.Errorf("%s of a published client: %v in %s", client.Name, err, body)
		return
	}
	asked, err := client.Decode(body)
	if err != nil {
		t.Errorf("%s of a published client: %v in %s", client.Name, err, body)
		return
	}
	if !call.Stream {
		w.Header().Set("Content-Type", "application/json")
		c.plain(t, w, client, asked)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	stream, out := c.stream.streams[c.provider.Name], []byte(nil)
	if c.broken {
		stream = stream[:strings.LastIndex(stream[:len(stream)/2], "\n\n")+2] +
			string(c.provider.ErrorEvent(dialect.Failure{Status: 503, Type: "service_unavailable", Message: "it broke"}))
	}
	decoder, encoder := c.provider.NewDecoder(), client.NewEncoder(asked)
	for data := range datas(stream) {
		events, err := decoder.Decode(data)
		if err != nil {
			t.Errorf("%s: %v", c.provider.Name, err)
		}
		for _, e := range events {
			out = encoder.Encode(out, e)
		}
	}
	_, _ = w.Write(out)
}

// plain answers with what the stream says, as the end of an answer that was not streamed, or refuses.
func (c clientTest) plain(t *testing.T, w http.ResponseWriter, client *dialect.Dialect, asked *dialect.Request) {
	if c.broken {
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write(client.Error(dialect.Failure{Status: http.StatusTooManyRequests, Type: "rate_limit_error", Message: "it broke"}))
		return
	}
	out, err := client.EncodeAnswer(collect(c.provider, c.stream.streams[c.provider.Name]), asked)
	if err != nil {
		t.Errorf("%s: %v", client.Name, err)
	}
	_, _ = w.Write(out)
}

// collect makes a plain answer out of a stream.
func collect(d *dialect.Dialect, stream string) *dialect.Response {
	r := &dialect.Response{}
	decoder := d.NewDecoder()
	for data := range datas(stream) {
		events, _ := decoder.Decode(data)
		for _, e := range events {
			gather(r, e)
		}
	}
	return r
}

func gather(r *dialect.Response, e dialect.Event) {
	switch e.Kind {
	case dialect.EventStart:
		r.ID, r.Model, r.Created = e.ID, e.Model, e.Created
	case dialect.EventBegin:
		r.Parts = append(r.Parts, e.Part)
	case dialect.EventDelta:
		switch p := &r.Parts[e.Index]; p.Kind {
		case dialect.PartToolCall:
			p.Call.Arguments += e.Text
		case dialect.PartThinking:
			if p.Thinking == nil {
				p.Thinking = new(dialect.Thinking)
			}
			p.Thinking.Text += e.Text
		default:
			p.Text += e.Text
		}
	case dialect.EventStop:
		r.Stop = e.Stop
	case dialect.EventUsage:
		r.Usage, r.HasUsage = e.Usage, true
	default:
	}
}

var stopWords = map[string]map[string]string{
	Messages:  {"end": "end_turn", "tools": "tool_use", "length": "max_tokens"},
	Chat:      {"end": "stop", "tools": "tool_calls", "length": "length"},
	Responses: {"end": "completed", "tools": "completed", "length": "max_output_tokens"},
}

func (c clientTest) judge(t *testing.T, name, client string, seen [2]understood) {
	t.Helper()
	for i, way := range []string{"plain", "streamed"} {
		got := seen[i]
		if c.broken {
			if !strings.Contains(got.Error, "it broke") {
				t.Errorf("%s to %s, %s: the client understood %+v, want an error", name, client, way, got)
			}
			continue
		}
		says := c.stream.says
		want := understood{
			Text: says.Text, Thinking: says.Thinking, Stop: stopWords[client][says.Stop],
			Calls: [][3]string{}, Tokens: [2]int64{says.Usage.Input, says.Usage.Output},
		}
		for _, call := range says.Calls {
			want.Calls = append(want.Calls, [3]string{call.ID, call.Name, call.Arguments})
		}
		if client == Chat && way == "streamed" && got.Thinking == "" {
			want.Thinking = "" // OpenAI's client keeps no field that it does not know
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s to %s, %s: the client understood\n%+v, want\n%+v", name, client, way, got, want)
		}
	}
}
