// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/gateway/breaker"
	"holdfast/gateway/ledger"
	"holdfast/gateway/route"
)

// TestBytesPassUntouched compares what the upstream sent with what the client got.
func TestBytesPassUntouched(t *testing.T) {
	t.Parallel()
	odd := ": a comment\r\n\r\n" + "event: message\ndata:" + strings.TrimPrefix(chunkEvent("spaced \\u00e9 é"), "data: ")
	sent := roleEvent + odd + chunkEvent("more") + stopEvent
	h := newHouse(t, testConfig(serveUp(t, say(sent, usageEvent, doneEvent))))
	body := request("chat", true)
	if _, got := h.post(body); got != sent+doneEvent {
		t.Errorf("got\n%s\nwant\n%s", got, sent+doneEvent)
	}
	asked := strings.Replace(body, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`, 1)
	if _, got := h.post(asked); got != sent+usageEvent+doneEvent {
		t.Errorf("got\n%s\nwant\n%s", got, sent+usageEvent+doneEvent)
	}
	plain := newHouse(t, testConfig(serveUp(t, answers(200, jsonKind, answerBody))))
	if _, got := plain.post(request("chat", false)); got != answerBody {
		t.Errorf("got %s", got)
	}
}

// TestWhatTheUpstreamGets: the client's body with the model replaced, and nothing of its headers.
func TestWhatTheUpstreamGets(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	bodies := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
		got <- r
		answers(200, jsonKind, answerBody)(w, r)
	}))
	t.Cleanup(server.Close)
	h := newHouse(t, testConfig(server.URL+"/base/"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/v1/chat/completions",
		strings.NewReader(`{"model":"chat","messages":[{"role":"user","content":"x"}],"x_new_field":{"deep":[1]},"n":1}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk-the-clients-own")
	req.Header.Set("Cookie", "session=secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	r := <-got
	const rest = `"model":"model-x","messages":[{"role":"user","content":"x"}],"x_new_field":{"deep":[1]},"n":1}`
	if body, want := <-bodies, `{"max_completion_tokens":32768,`+rest; body != want { // as reserved
		t.Errorf("body %s", body)
	}
	if r.URL.Path != "/base/chat/completions" || r.Header.Get("Authorization") != "Bearer "+secretKey || r.Header.Get("Cookie") != "" {
		t.Errorf("%s %v", r.URL, r.Header)
	}
}

// TestClientHangsUp hangs up at five moments: each time the upstream is cancelled and what was
// generated is booked.
func TestClientHangsUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stream bool
		pieces []string // said before the upstream waits
		read   string   // what the client reads before it hangs up
		output bool
	}{
		"before the head, plain":  {false, nil, "", false},
		"before the head, stream": {true, nil, "", false},
		"before the first word":   {true, []string{roleEvent}, "", false},
		"after the first word":    {true, []string{roleEvent, chunkEvent("Good day to you")}, "Good day", true},
		"in the middle":           {true, []string{chunkEvent("one two three "), chunkEvent("four five"), chunkEvent(" six")[:30]}, "four five", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arrived, cancelled := make(chan struct{}), make(chan struct{})
			config := testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
				if c.pieces != nil {
					say(c.pieces...)(w, r)
				}
				close(arrived)
				<-r.Context().Done()
				close(cancelled)
			}))
			h := newHouse(t, config)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-arrived
				if c.read == "" {
					cancel()
				}
			}()
			resp, err := h.send(ctx, request("chat", c.stream))
			if err == nil {
				readUntil(t, resp.Body, c.read)
				cancel()
				_ = resp.Body.Close()
			}
			select {
			case <-cancelled:
			case <-time.After(time.Minute):
				t.Fatal("the upstream was not cancelled")
			}
			got := h.settled()
			if got.status != ledger.StatusCancelled || !got.estimated || got.input == 0 || (got.output > 0) != c.output {
				t.Errorf("booked %+v", got)
			}
		})
	}
}

func readUntil(t *testing.T, body io.Reader, text string) string {
	t.Helper()
	var got strings.Builder
	buf := make([]byte, 256)
	for !strings.Contains(got.String(), text) {
		n, err := body.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v after %q", err, got.String())
		}
	}
	return got.String()
}

func TestDeadPrimaryIsSkipped(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	h := newHouse(t, testConfig(serveUp(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	})))
	for range 200 {
		if resp, answer := h.post(request("safe", false)); resp.StatusCode != http.StatusOK {
			t.Fatalf("%d: %s", resp.StatusCode, answer)
		}
	}
	if n := asked.Load(); n > 5 {
		t.Errorf("%d of 200 calls were wasted on a dead primary", n)
	}
	list := act(t, h, "model.list", `{}`).(modelList)
	for _, a := range list.Aliases {
		if a.Alias == "safe" && (a.Effective != "spare/understudy" || a.Actual != "spare/understudy" || len(a.Cooling) != 1) {
			t.Errorf("%+v", a)
		}
	}
}

func TestRefusesBadRequests(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig("http://127.0.0.1:1/v1"))
	for name, c := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"nothing":       {"", 400, "JSON"},
		"torn":          {`{"model":`, 400, "byte"},
		"bad UTF-8":     {"{\"model\":\"\xff\"}", 400, "UTF-8"},
		"no messages":   {`{"model":"chat"}`, 400, "messages"},
		"unknown model": {`{"model":"nobody","messages":[]}`, 404, "model_not_found"},
		"no provider":   {`{"model":"nobody/x","messages":[]}`, 404, "model_not_found"},
		"10 MB":         {`{"model":"chat","messages":[{"content":"` + strings.Repeat("x", 10<<20) + `"}]}`, 413, "10 MiB"},
	} {
		resp, answer := h.post(c.body)
		if resp.StatusCode != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s: status %d: %.200s", name, resp.StatusCode, answer)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/v1/chat/completions", io.MultiReader(
		strings.NewReader(`{"model":"chat","messages":[{"content":"`), strings.NewReader(strings.Repeat("x", 11<<20))))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil { // chunked, so that only reading tells its size
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", resp.StatusCode)
		}
		_ = resp.Body.Close()
	}
	if n := len(h.rows()); n != 0 {
		t.Errorf("%d rows are booked for requests that were refused", n)
	}
}

// TestStreamsShareAConnection: an upstream's connection serves again after a stream that ended well.
func TestStreamsShareAConnection(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	from := map[string]bool{}
	h := newHouse(t, testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		from[r.RemoteAddr] = true
		mu.Unlock()
		say(chunkEvent("Good day"), stopEvent, usageEvent, doneEvent)(w, r)
	})))
	for range 20 {
		h.post(request("chat", true))
	}
	if len(from) != 1 {
		t.Errorf("%d connections for 20 streams", len(from))
	}
}

// crew is one agent, which answers with the body it got.
type crew struct{}

func (crew) Models(context.Context) []holdfast.AgentModel {
	return []holdfast.AgentModel{{Name: "companion", BaseAgent: "passthrough_agent", IsPreset: true, ToolCount: 3}, {Name: "chat"}}
}

func (crew) Lookup(model string) (http.Handler, bool) {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}), model == "companion" || model == "chat"
}

func TestAgentsAreModels(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig(serveUp(t, answers(200, jsonKind, answerBody))))
	h.SetAgents(crew{})
	if _, got := h.post(request("companion", false)); got != request("companion", false) {
		t.Errorf("the agent got %s", got)
	}
	for name, known := range map[string]bool{"companion": true, "chat": true, "up/model-x": true, "nobody": false, "nobody/x": false, "": false} {
		if Knows(h.Gateway, name) != known {
			t.Errorf("%q is known: %t", name, !known)
		}
		if Aliased(h.Gateway, name) != (known && name != "companion") {
			t.Errorf("%q is taken for a model, or not, wrongly", name)
		}
	}
	if _, got := h.post(request("chat", false)); got != answerBody {
		t.Errorf("an agent stands before an alias: %s", got)
	}
	w := httptest.NewRecorder()
	ctx := holdfast.WithAgent(t.Context(), "companion")
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(request("companion", false)))
	h.Inner().ServeHTTP(w, r)
	if w.Code != http.StatusNotFound {
		t.Errorf("an agent may call agents: %d", w.Code)
	}
	w = httptest.NewRecorder()
	r = httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(request("chat", false)))
	h.Inner().ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.String() != answerBody {
		t.Errorf("in process: %d %s", w.Code, w.Body)
	}
	if got := h.settled(); got.agent != "companion" {
		t.Errorf("booked %+v", got)
	}
	resp, err := http.Get(h.url + "/v1/models")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Data []struct {
			ID      string
			OwnedBy string `json:"owned_by"`
		}
	}
	err = json.NewDecoder(resp.Body).Decode(&list)
	_ = resp.Body.Close()
	ids := []string{}
	for _, m := range list.Data {
		ids = append(ids, m.ID+" by "+m.OwnedBy)
	}
	want := "chat by holdfast, compaction by holdfast, deep by holdfast, fast by holdfast, safe by holdfast, companion by agent, rehearsal/default by rehearsal, " +
		"spare/default by spare, spare/understudy by spare, up/model-x by up"
	if got := strings.Join(ids, ", "); err != nil || got != want {
		t.Errorf("models %s (%v)", got, err)
	}
}

func TestMissingKeyIsSaid(t *testing.T) {
	t.Parallel()
	c := testConfig("http://127.0.0.1:1/v1")
	up := c.Providers["up"]
	up.Key = "NOT_THERE"
	c.Providers["up"] = up
	h := newHouse(t, c)
	resp, answer := h.post(request("chat", false))
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(answer, "NOT_THERE") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

func TestConfigChecks(t *testing.T) {
	t.Parallel()
	if wrong := Defaults().Check(); len(wrong) > 0 {
		t.Errorf("the defaults are wrong: %v", wrong)
	}
	change := func(edit func(*Config)) Config {
		c := testConfig("http://127.0.0.1:1/v1")
		edit(&c)
		return c
	}
	for name, c := range map[string]struct {
		config Config
		field  string
	}{
		"unknown kind":     {change(func(c *Config) { c.Providers["x"] = Provider{Kind: "carrier pigeon"} }), "providers.x.kind"},
		"no url":           {change(func(c *Config) { c.Providers["x"] = Provider{Kind: "openai"} }), "providers.x.url"},
		"no http":          {change(func(c *Config) { c.Providers["x"] = Provider{Kind: "openai", URL: "ftp://x/v1"} }), "providers.x.url"},
		"a password":       {change(func(c *Config) { c.Providers["x"] = Provider{Kind: "openai", URL: "https://a:b@x/v1"} }), "providers.x.url"},
		"a query":          {change(func(c *Config) { c.Providers["x"] = Provider{Kind: "openai", URL: "https://x/v1?key=1"} }), "providers.x.url"},
		"a rehearsed url":  {change(func(c *Config) { c.Providers["x"] = Provider{Kind: "rehearsal", URL: "https://x"} }), "providers.x"},
		"a script":         {change(func(c *Config) { c.Providers["x"] = Provider{Kind: "openai", URL: "https://x", Script: "y"} }), "providers.x.script"},
		"a slash":          {change(func(c *Config) { c.Providers["x/y"] = Provider{Kind: "rehearsal"} }), "providers.x/y"},
		"an empty alias":   {change(func(c *Config) { c.Aliases["x"] = nil }), "aliases.x"},
		"no such provider": {change(func(c *Config) { c.Aliases["x"] = []string{"y/z"} }), "aliases.x[0]"},
		"no model":         {change(func(c *Config) { c.Aliases["x"] = []string{"chat", "up/"} }), "aliases.x[1]"},
		"no such profile":  {change(func(c *Config) { c.Profile = "lavish" }), "profile"},
		"a profile's step": {change(func(c *Config) { c.Profiles["quality"] = route.Bundle{Chat: []string{"up/x", "y/z"}} }), "profiles.quality.chat[1]"},
		"a profile's ring": {change(func(c *Config) { c.Profiles["quality"] = route.Bundle{Fast: []string{"fast"}} }), "profiles.quality.fast"},
		"no end of it":     {change(func(c *Config) { c.Wait = config.Duration(time.Hour) }), "wait"},
		"a circle":         {change(func(c *Config) { c.Aliases["x"] = []string{"y"}; c.Aliases["y"] = []string{"x"} }), "aliases.x"},
		"no patience":      {change(func(c *Config) { c.Timeouts.Stall = 0 }), "timeouts.stall"},
	} {
		found := false
		for _, p := range c.config.Check() {
			found = found || p.Field == c.field
		}
		if !found {
			t.Errorf("%s: %v", name, c.config.Check())
		}
	}
}

func TestApplyKeepsTheOldWhenTheScriptIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig(serveUp(t, answers(200, jsonKind, answerBody))))
	script := filepath.Join(h.needs.Home.Dir(), "bad.yaml")
	if err := os.WriteFile(script, []byte("rules: [{when: {user: '('}}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := Defaults()
	bad.Providers["rehearsal"] = Provider{Kind: kindRehearsal, Script: "bad.yaml"}
	err := h.Apply(bad)
	if err == nil || !strings.Contains(err.Error(), "bad.yaml:1") {
		t.Errorf("got %v", err)
	}
	if resp, _ := h.post(request("chat", false)); resp.StatusCode != http.StatusOK {
		t.Errorf("status %d", resp.StatusCode)
	}
	good := Defaults()
	good.Timeouts.Connect = config.Duration(time.Second)
	if err := h.Apply(good); err != nil {
		t.Fatal(err)
	}
	if resp, _ := h.post(request("chat", false)); resp.Header.Get("X-Holdfast-Provider") != "rehearsal" {
		t.Errorf("headers %v", resp.Header)
	}
}

func TestNoBreakerFlagNoRefusal(t *testing.T) {
	t.Parallel()
	b := breaker.New(breaker.Needs{Home: home.At(t.TempDir())})
	if b.Refusal() != nil {
		t.Error("an untouched home is halted")
	}
}
