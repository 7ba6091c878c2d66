// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/tools"
	"holdfast/agent/upstream/upstreamtest"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/journal/journaltest"
	"holdfast/holdfasttest/timing"
)

// a bench is the list in a home of its own, with a catalogue that speaks with the servers.
type bench struct {
	*Servers
	t         *testing.T
	catalogue *tools.Catalogue
	origin    string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	at := home.At(t.TempDir())
	if err := at.Ensure(); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, origin: "http://127.0.0.1:1"}
	log := slog.New(slog.DiscardHandler)
	b.Servers = New(Needs{
		Page: func(title, text string) string { return title + ": " + text },
		Home: at, Master: config.NewMaster(at), Secret: func(name string) (holdfast.Secret, bool) { return holdfast.NewSecret("value of " + name), name != "" },
		Origin: func() string { return b.origin }, Log: log,
	})
	b.catalogue = tools.New(tools.Needs{
		Home: at, House: func() string { return fmt.Sprintf("test%d", time.Now().UnixNano()) }, Remotes: b.Servers, Journal: &journaltest.Journal{},
		Secret: func(name string) (holdfast.Secret, bool) { return holdfast.NewSecret("value of " + name), true }, Log: log,
	})
	b.Use(Speaker{Servers: func() []tools.Server { return tools.Servers(b.catalogue) }, Restart: b.catalogue.Restart})
	own, theirs := b.Capability(), b.catalogue.Capability()
	ctx, cancel := context.WithCancel(context.Background())
	for _, c := range []func(context.Context) error{own.Start, theirs.Start} {
		if err := c(ctx); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan struct{}, 2)
	for _, run := range []func(context.Context) error{own.Run, theirs.Run} {
		go func() {
			defer func() { ended <- struct{}{} }()
			_ = run(ctx)
		}()
	}
	t.Cleanup(func() {
		cancel()
		<-ended
		<-ended
		if err := theirs.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// do runs an action as the waist does, from JSON.
func (b *bench) do(name, input string) (any, error) {
	b.t.Helper()
	return b.as(holdfast.Caller{Kind: holdfast.CallerOperator, Name: "me", Tier: holdfast.TierOperator}, name, input)
}

func (b *bench) as(caller holdfast.Caller, name, input string) (any, error) {
	b.t.Helper()
	for _, a := range b.Capability().Actions {
		if a.Name != name {
			continue
		}
		in, err := a.Decode(json.RawMessage(input))
		if err != nil {
			return nil, err
		}
		return a.Run(holdfast.WithCaller(b.t.Context(), caller), in)
	}
	b.t.Fatalf("there is no action %s", name)
	return nil, nil
}

func (b *bench) must(name, input string) any {
	b.t.Helper()
	out, err := b.do(name, input)
	if err != nil {
		b.t.Fatalf("%s %s: %v", name, input, err)
	}
	return out
}

func (b *bench) stands(id string) shown {
	b.t.Helper()
	one, err := b.one(id)
	if err != nil {
		b.t.Fatal(err)
	}
	return one
}

func (b *bench) file() string {
	b.t.Helper()
	raw, err := os.ReadFile(b.needs.Home.MasterFile())
	if err != nil {
		b.t.Fatal(err)
	}
	return string(raw)
}

func talker(t *testing.T) string {
	t.Helper()
	server := upstreamtest.Talker()
	far := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	t.Cleanup(func() {
		far.CloseClientConnections() // the house keeps a stream of notices open
		far.Close()
	})
	return far.URL
}

func TestAServersLifeInTheList(t *testing.T) {
	b := newBench(t)
	added := b.must("remote-mcp.add", fmt.Sprintf(`{"url":%q,"name":"far"}`, talker(t))).(shown)
	if added.ID != "far" || !added.Enabled {
		t.Errorf("added as %+v", added)
	}
	timing.Until(t, "it serves", func() bool { return b.stands("far").State == "serving" })
	if one := b.stands("far"); one.ToolCount != 6 {
		t.Errorf("it stands as %+v", one)
	}
	b.must("remote-mcp.update", `{"name":"far","tools":{"nag":{"enabled":false}}}`)
	if text := strings.Join(strings.Fields(b.file()), ""); !strings.Contains(text, `"nag":{"enabled":false}`) {
		t.Errorf("the file is %s", text)
	}
	b.must("remote-mcp.update", `{"name":"far","enabled":false}`)
	timing.Until(t, "it is ended", func() bool { return len(tools.Servers(b.catalogue)) == 0 })
	b.must("remote-mcp.delete", `{"name":"far"}`)
	if _, err := b.one("far"); err == nil {
		t.Error("it is still there")
	}
	if strings.Contains(b.file(), `"far"`) {
		t.Errorf("the file is %s", b.file())
	}
}

func TestEveryFieldCanChange(t *testing.T) {
	b := newBench(t)
	b.must("remote-mcp.add", `{"url":"https://x.invalid/mcp","name":"far"}`)
	one := b.must("remote-mcp.update", `{"name":"far","enabled":false,"url":"https://y.invalid/mcp","transport":"sse","key":"A",
		"headers":{"X-Team":"${B}"},"client_id":"me","client_secret_key":"C"}`).(shown)
	if one.Enabled || one.URL != "https://y.invalid/mcp" || one.Transport != "sse" || one.Key != "A" || !slices.Equal(one.Headers, []string{"X-Team"}) || !one.OAuth {
		t.Errorf("it stands as %+v", one)
	}
	if e := b.list["far"]; e.ClientID != "me" || e.SecretKey != "C" || e.Headers["X-Team"] != "${B}" {
		t.Errorf("it is written as %+v", e)
	}
	one = b.must("remote-mcp.update", `{"name":"far","transport":"auto","key":"","headers":{},"client_id":"","client_secret_key":"","oauth":false}`).(shown)
	if e := b.list["far"]; one.Transport != "auto" || one.OAuth || e.Key+e.ClientID+e.SecretKey != "" || len(e.Headers) > 0 || e.URL != "https://y.invalid/mcp" {
		t.Errorf("taken back it stands as %+v, written as %+v", one, e)
	}
	if _, err := b.do("remote-mcp.update", `{"name":"far","transport":"pigeon"}`); err == nil || !strings.Contains(err.Error(), "auto") {
		t.Errorf("an unknown transport: %v", err)
	}
}

// TestAKeyThatIsNotSetIsToldAtOnce: the server is added, and the answer says what is still to be done.
func TestAKeyThatIsNotSetIsToldAtOnce(t *testing.T) {
	b := newBench(t)
	b.needs.Secret = func(name string) (holdfast.Secret, bool) { return holdfast.NewSecret("x"), name == "THERE" }
	const remedy = "is not in .env, and without it the server cannot be spoken with: set it with `holdfast keys set "
	for input, want := range map[string]string{
		`{"url":"http://127.0.0.1:1","name":"a","key":"THERE"}`:                                       "",
		`{"url":"http://127.0.0.1:1","name":"b","key":"FAR_KEY"}`:                                     "FAR_KEY " + remedy + "FAR_KEY`",
		`{"url":"http://127.0.0.1:1","name":"c","key":"THERE","headers":{"X-A":"${TEAM}","X-B":"y"}}`: "TEAM " + remedy + "TEAM`",
		`{"url":"http://127.0.0.1:1","name":"d","client_id":"me","client_secret_key":"OWN"}`:          "OWN " + remedy + "OWN`",
	} {
		if one := b.must("remote-mcp.add", input).(shown); !one.Enabled || (want == "") != (one.Note == "") || !strings.HasPrefix(one.Note, want) {
			t.Errorf("%s is answered %q", input, one.Note)
		}
	}
	if one := b.must("remote-mcp.update", `{"name":"a","key":"OTHER"}`).(shown); !strings.HasPrefix(one.Note, "OTHER "+remedy) {
		t.Errorf("another key is answered %q", one.Note)
	}
	if one := b.must("remote-mcp.update", `{"name":"a","enabled":false}`).(shown); one.Note != "" {
		t.Errorf("a server that is switched off is answered %q", one.Note)
	}
}

func TestWhatOthersWriteIsTakenUpAndKept(t *testing.T) {
	b := newBench(t)
	text := fmt.Sprintf(`{"remote_mcp_servers":{"far":{"server_id":"far","url":%q,"enabled":true,"tool_count":1,"tools":["nag"],"theirs":7},
		"bad":{"url":"file:///etc/passwd"},"Bad Name":{"url":"https://example.com"},"house":{"url":"https://example.com"}}}`, talker(t))
	if err := os.WriteFile(b.needs.Home.MasterFile(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	timing.Until(t, "it serves", func() bool { one, err := b.one("far"); return err == nil && one.State == "serving" })
	if n := len(b.Declarations()); n != 1 {
		t.Errorf("%d are declared", n)
	}
	b.must("remote-mcp.update", `{"name":"far","tools":{"nag":{"enabled":false}}}`)
	if got := strings.Join(strings.Fields(b.file()), ""); !strings.Contains(got, `"theirs":7`) || !strings.Contains(got, `"nag":{"enabled":false}`) {
		t.Errorf("the file is %s", got)
	}
}

func TestBadServersAreRefused(t *testing.T) {
	b := newBench(t)
	for input, want := range map[string]string{
		`{"url":"ftp://example.com"}`:                      "http",
		`{"url":"https://me:pw@example.com/mcp"}`:          "password",
		`{"url":"https://"}`:                               "host",
		`{"url":"https://example.com","name":"../../etc"}`: "lower-case",
		`{}`:                           "url",
		`{"url":"http://[::1"}`:        "cannot be read",
		`{"url":"https://a.com#frag"}`: "fragment",
		`{"url":"https://a.com","key":"sk-live-abcdef0123456789abcdef"}`:                      "key: is no name of a key of .env",
		`{"url":"https://a.com","key":"ghp_abcdef0123456789abcdef0123456789"}`:                "key: is no name of a key of .env",
		`{"url":"https://a.com","client_id":"me","client_secret_key":"two words"}`:            "client_secret_key: is no name",
		`{"url":"https://a.com","headers":{"bad header":"x"}}`:                                "no header can have",
		`{"url":"https://a.com","headers":{"X-A":"x\u000d\u000aX-B: y"}}`:                     "the value of X-A",
		`{"url":"https://a.com","headers":{"X-A":"${ghp_abcdef0123456789abcdef0123456789}"}}`: "X-A names no key",
	} {
		_, err := b.do("remote-mcp.add", input)
		if bad, ok := errors.AsType[*holdfast.Error](err); !ok || bad.Code != holdfast.CodeBadInput || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", input, err)
		}
		if err != nil && strings.Contains(err.Error(), "abcdef") {
			t.Errorf("%s: the error has a secret: %v", input, err)
		}
	}
	b.must("remote-mcp.add", `{"url":"https://mcp.example.invalid/x"}`)
	for _, input := range []string{`"key":"sk-live-abcdef0123456789abcdef"`, `"client_secret_key":"-"`, `"headers":{"":"x"}`} {
		if _, err := b.do("remote-mcp.update", `{"name":"example_invalid",`+input+`}`); err == nil {
			t.Errorf("%s was taken", input)
		}
	}
	pasted, key := "sk-live-abcdef0123456789abcdef", "FAR_KEY"
	journaled, err := json.Marshal([]any{addInput{Key: pasted}, updateInput{Key: &pasted, SecretKey: &key}})
	if err != nil || strings.Contains(string(journaled), "abcdef") || !strings.Contains(string(journaled), key) {
		t.Errorf("%v: the journal has %s", err, journaled)
	}
	second := b.must("remote-mcp.add", `{"url":"https://mcp.example.invalid/y"}`).(shown)
	if second.ID != "example_invalid_2" {
		t.Errorf("the second is %s", second.ID)
	}
	if _, err := b.do("remote-mcp.add", `{"url":"https://x.invalid","name":"example_invalid"}`); err == nil {
		t.Error("a name was given twice")
	}
	err = b.needs.Master.Update(t.Context(), func(d *config.Document) error { return d.Set(false, "extensions", "mail", "enabled") })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.do("remote-mcp.add", `{"url":"https://x.invalid","name":"mail"}`); err == nil || !strings.Contains(err.Error(), "extension") {
		t.Errorf("the name of an extension was given: %v", err)
	}
	if _, err := b.do("remote-mcp.add", `{"url":"https://x.invalid","name":"house"}`); err == nil || !strings.Contains(err.Error(), "the house's own tools") {
		t.Errorf("the house's own name was given: %v", err)
	}
	if _, err := b.do("remote-mcp.update", `{"name":"no"}`); err == nil {
		t.Error("a server that is not there was changed")
	}
}

func TestHeadersAreNotShown(t *testing.T) {
	b := newBench(t)
	b.must("remote-mcp.add", `{"url":"https://x.invalid/mcp","name":"far","headers":{"X-Token":"hunter2"}}`)
	raw, err := json.Marshal(b.must("remote-mcp.list", `{}`))
	if err != nil || strings.Contains(string(raw), "hunter2") || !strings.Contains(string(raw), "X-Token") {
		t.Errorf("%v: %s", err, raw)
	}
	if !strings.Contains(b.file(), "hunter2") {
		t.Errorf("it is not kept: %s", b.file())
	}
	// The waist journals what was asked for.
	journaled, err := json.Marshal([]any{
		addInput{Headers: headers{"X-Token": "hunter2", "Authorization": "${FAR_KEY}"}}, updateInput{Headers: headers{"X-Token": "hunter2"}},
	})
	if err != nil || strings.Contains(string(journaled), "hunter2") || !strings.Contains(string(journaled), "${FAR_KEY}") {
		t.Errorf("%v: the journal has %s", err, journaled)
	}
}

// Some servers want their key in the URL: neither the journal nor a program has it.
func TestAKeyInAURLIsMasked(t *testing.T) {
	b := newBench(t)
	const at = "https://x.invalid/mcp?api_key=hunter2"
	b.must("remote-mcp.add", `{"url":"`+at+`","name":"far"}`)
	if one := b.stands("far"); one.URL != at {
		t.Errorf("it stands as %+v", one)
	}
	other := at
	journaled, err := json.Marshal([]any{addInput{URL: at}, updateInput{Name: "far", URL: &other}, updateInput{Name: "far"}})
	if err != nil || strings.Contains(string(journaled), "hunter2") || !strings.Contains(string(journaled), "https://x.invalid/mcp?") {
		t.Errorf("%v: the journal has %s", err, journaled)
	}
	for _, a := range b.Capability().Actions {
		if a.Name == "remote-mcp.add" && strings.Contains(a.Subject(addInput{URL: at}), "hunter2") {
			t.Error("the journal's subject has it")
		}
	}
	timing.Until(t, "the catalogue has it", func() bool { return len(tools.Servers(b.catalogue)) == 1 })
	for _, a := range b.catalogue.Capability().Actions {
		if a.Name != "tool.all" {
			continue
		}
		in, err := a.Decode(json.RawMessage(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		out, err := a.Run(t.Context(), in)
		raw, _ := json.Marshal(out)
		if err != nil || strings.Contains(string(raw), "hunter2") || !strings.Contains(string(raw), "https://x.invalid/mcp") {
			t.Errorf("the older hub's list: %v: %s", err, raw)
		}
	}
	for _, c := range []struct {
		kind  holdfast.CallerKind
		shown bool
	}{{holdfast.CallerOperator, true}, {holdfast.CallerAgent, false}} {
		for name, input := range map[string]string{"remote-mcp.list": `{}`, "remote-mcp.update": `{"name":"far","enabled":false}`} {
			out, err := b.as(holdfast.Caller{Kind: c.kind, Name: "x", Tier: holdfast.TierOperator}, name, input)
			raw, _ := json.Marshal(out)
			if err != nil || strings.Contains(string(raw), "hunter2") != c.shown {
				t.Errorf("%s to %s: %v: %s", name, c.kind, err, raw)
			}
		}
	}
}

// A program of an operator's tier switches servers, but says neither where requests go nor which keys
// they bear: else it could send any key of .env to itself.
func TestOnlyAPersonSaysWhereKeysGo(t *testing.T) {
	b := newBench(t)
	b.must("remote-mcp.add", `{"url":"https://x.invalid/mcp","name":"far","key":"FAR_KEY"}`)
	for _, caller := range []holdfast.Caller{
		{Kind: holdfast.CallerAgent, Name: "model", Tier: holdfast.TierOperator},
		{Kind: holdfast.CallerOperator, Name: "unit", Unit: "notes.ui", Tier: holdfast.TierOperator},
		{Kind: holdfast.CallerOperator, Name: "me", Surface: "mcp", Tier: holdfast.TierOperator},
	} {
		for name, input := range map[string]string{
			"remote-mcp.add":       `{"url":"https://evil.invalid/mcp","key":"OPENAI_API_KEY"}`,
			"remote-mcp.update":    `{"name":"far","url":"https://evil.invalid/mcp"}`,
			"remote-mcp.authorize": `{"name":"far"}`,
			"remote-mcp.delete":    `{"name":"far"}`,
		} {
			if _, err := b.as(caller, name, input); err == nil || !strings.Contains(err.Error(), "only a person") {
				t.Errorf("%s by %s: %v", name, caller, err)
			}
		}
		for _, input := range []string{
			`{"name":"far","key":"OPENAI_API_KEY"}`, `{"name":"far","headers":{"X":"${OPENAI_API_KEY}"}}`, `{"name":"far","oauth":true}`,
			`{"name":"far","transport":"sse"}`, `{"name":"far","enabled":true,"client_secret_key":"OPENAI_API_KEY"}`,
		} {
			if _, err := b.as(caller, "remote-mcp.update", input); err == nil {
				t.Errorf("%s by %s was done", input, caller)
			}
		}
		if _, err := b.as(caller, "remote-mcp.update", `{"name":"far","enabled":false}`); err != nil {
			t.Errorf("switching off by %s: %v", caller, err)
		}
	}
	if len(b.list) != 1 || b.list["far"].URL != "https://x.invalid/mcp" || b.list["far"].Key != "FAR_KEY" {
		t.Errorf("the list is %+v", b.list)
	}
}
