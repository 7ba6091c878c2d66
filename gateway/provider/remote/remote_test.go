// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/anthropic"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/responses"
	"holdfast/gateway/dialect/wire"
	"holdfast/gateway/provider"
	"holdfast/gateway/provider/remote"
	"holdfast/gateway/provider/replay"
)

// exchange is one call as the gateway hands it over, and what is to be read of the answer.
type exchange struct {
	dialect *dialect.Dialect // nil: chat
	name    string           // of the dialect, when there is none to read it
	body    string
	status  int // 0: 200
	usage   holdfast.Usage
	says    string // of an error
}

type flavored struct {
	url   string
	opt   remote.Options
	keyed bool
	calls []exchange
}

const hi = `"messages":[{"role":"user","content":"Hi"}]`

func used(input, cached, output, reasoning int64) holdfast.Usage {
	return holdfast.Usage{Input: input, CachedRead: cached, Output: output, Reasoning: reasoning}
}

// flavors holds, for each, calls as a client sends them; the tape holds what must go out.
func flavors() map[string]flavored {
	const stream = `"stream":true,"stream_options":{"include_usage":true}`
	limited := func(model string) exchange {
		return exchange{body: `{"model":"` + model + `",` + hi + `}`, status: 429}
	}
	claude := holdfast.Usage{Input: 12, CachedRead: 900, CacheWrite5m: 60, CacheWrite1h: 40, Output: 9}
	return map[string]flavored{
		"openai": {url: "https://api.openai.com/v1", keyed: true, calls: []exchange{
			{body: `{"model":"gpt-5-mini",` + hi + `,"max_tokens":64}`, usage: used(114, 896, 30, 20)},
			{body: `{"model":"gpt-5-mini",` + hi + `,` + stream + `,"max_tokens":64}`, usage: used(8, 0, 12, 0)},
			{dialect: openai.Embeddings(), body: `{"model":"text-embedding-3-small","input":"Hi"}`, usage: used(1, 0, 0, 0)},
			limited("gpt-5-mini"),
		}},
		"anthropic": {url: "https://api.anthropic.com", keyed: true, calls: []exchange{
			{dialect: anthropic.Messages(), body: `{"model":"claude-sonnet-4-5","max_tokens":64,` + hi + `}`, usage: claude},
			{dialect: anthropic.Messages(), body: `{"model":"claude-sonnet-4-5","max_tokens":64,` + hi + `,"stream":true}`, usage: claude},
			{name: provider.CountTokens, body: `{"model":"claude-sonnet-4-5",` + hi + `}`},
			{dialect: anthropic.Messages(), body: `{"model":"claude-sonnet-4-5","max_tokens":64,` + hi + `}`, status: 529, says: "Overloaded"},
		}},
		"openrouter": {url: "https://openrouter.ai/api/v1", opt: remote.Options{Headers: map[string]string{"X-Title": "House"}}, keyed: true, calls: []exchange{
			{body: `{"model":"z-ai/glm-4.6",` + hi + `,` + stream + `}`, usage: used(4, 4, 12, 5)},
			{body: `{"model":"z-ai/glm-4.6",` + hi + `}`, status: 402, says: "Insufficient credits"},
		}},
		"gemini": {url: "https://generativelanguage.googleapis.com/v1beta/openai", keyed: true, calls: []exchange{
			{body: `{"model":"gemini-2.5-flash","store":false,"user":"u","frequency_penalty":0,` + hi + `,"max_completion_tokens":64,"reasoning_effort":"low"}`, usage: used(8, 0, 53, 50)},
			{body: `{"model":"gemini-2.5-flash",` + hi + `,` + stream + `}`, usage: used(8, 0, 23, 20)},
			{body: `{"model":"gemini-2.5-flash",` + hi + `}`, status: 400, says: "Cannot find field"},
		}},
		"azure": {url: "https://house.openai.azure.com", opt: remote.Options{Version: "2024-10-21"}, keyed: true, calls: []exchange{
			{body: `{"model":"my-mini",` + hi + `,` + stream + `,"max_tokens":64}`, usage: used(8, 0, 2, 0)},
			limited("my-mini"),
		}},
		"azure-v1": {url: "https://house.openai.azure.com/openai/v1/", keyed: true, calls: []exchange{
			{body: `{"model":"my-mini",` + hi + `,"max_tokens":64}`, usage: used(8, 0, 2, 0)},
		}},
		"bedrock": {url: "https://bedrock-runtime.us-west-2.amazonaws.com", keyed: true, calls: []exchange{
			{body: `{"model":"openai.gpt-oss-120b-1:0",` + hi + `,` + stream + `,"max_completion_tokens":64}`, usage: used(68, 0, 12, 0)},
			{dialect: responses.Dialect(), body: `{"model":"openai.gpt-5.4","input":"Hi","max_output_tokens":64}`, usage: used(8, 0, 12, 4)},
			limited("openai.gpt-oss-120b-1:0"),
		}},
		"groq": {url: "https://api.groq.com/openai/v1", keyed: true, calls: []exchange{
			{body: `{"model":"llama-3.3-70b-versatile","n":1,"logprobs":false,"store":true,` + hi + `,` + stream + `,"max_tokens":64}`, usage: used(8, 0, 2, 0)},
			limited("llama-3.3-70b-versatile"),
		}},
		"mistral": {url: "https://api.mistral.ai/v1", keyed: true, calls: []exchange{
			{body: `{"model":"mistral-small-latest",` + hi + `,` + stream + `,"max_completion_tokens":64,"seed":7,"user":"u","prompt_cache_key":"k"}`, usage: used(8, 0, 2, 0)},
			{body: `{"model":"mistral-small-latest",` + hi + `}`, status: 422},
			{body: `{"model":"mistral-small-latest",` + hi + `}`, status: 401, says: "Unauthorized"},
		}},
		"zai": {url: "https://api.z.ai/api/paas/v4", keyed: true, calls: []exchange{
			{body: `{"model":"glm-4.6",` + hi + `,` + stream + `,"max_completion_tokens":64,"store":false}`, usage: used(4, 4, 12, 0)},
			limited("glm-4.6"),
		}},
		"ollama": {url: "http://127.0.0.1:11434/v1", calls: []exchange{
			{body: `{"model":"qwen3:8b",` + hi + `,"max_completion_tokens":64}`, usage: used(8, 0, 12, 0)},
			{body: `{"model":"nope",` + hi + `}`, status: 404, says: "not found"},
		}},
		"llamacpp": {url: "http://127.0.0.1:8080/v1", opt: remote.Options{Flavor: "llamacpp"}, calls: []exchange{
			{body: `{"model":"local",` + hi + `,` + stream + `,"max_completion_tokens":64,"max_tokens":64}`, usage: used(8, 0, 2, 0)},
			{body: `{"model":"local",` + hi + `}`, status: 503, says: "Loading model"},
		}},
		"vllm": {url: "http://gpu.example:8000/v1", opt: remote.Options{Flavor: "vllm", Speaks: []string{provider.Responses}}, keyed: true, calls: []exchange{
			{body: `{"model":"Qwen/Qwen3-8B",` + hi + `,"max_completion_tokens":64}`, usage: used(8, 0, 12, 0)},
			{body: `{"model":"Qwen/Qwen3-8B",` + hi + `}`, status: 400, says: "context length"},
			{name: provider.Responses, body: `{"model":"Qwen/Qwen3-8B","input":"Hi"}`},
		}},
	}
}

// TestFlavors plays each flavor's tape: what goes out is what that server takes, and what it answers
// is read.
func TestFlavors(t *testing.T) {
	t.Parallel()
	tapes, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(tapes) != len(flavors()) {
		t.Fatalf("%d tapes for %d cases (%v)", len(tapes), len(flavors()), err)
	}
	for name, f := range flavors() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tape, err := replay.Load(filepath.Join("testdata", name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			c := client(t, f, tape)
			if want := strings.TrimSuffix(name, "-v1"); c.Flavor() != want {
				t.Errorf("taken for %s", c.Flavor())
			}
			for _, call := range f.calls {
				call.run(t, c)
			}
			if tape.Left() > 0 {
				t.Errorf("%d exchanges of the tape were not asked for", tape.Left())
			}
		})
	}
}

// TestTapesHoldNoKey: whoever recorded or wrote them.
func TestTapesHoldNoKey(t *testing.T) {
	t.Parallel()
	bearer := regexp.MustCompile(`(?i)(?:authorization|api-key|cookie)['"]?\s*:\s*['"]?(?:bearer )?([^\s'"]+)`)
	tapes, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(tapes) == 0 {
		t.Fatal(tapes, err)
	}
	found := 0
	for _, path := range tapes {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range bearer.FindAllSubmatch(text, -1) {
			if found++; string(value[1]) != replay.Scrubbed {
				t.Errorf("%s: %s", path, value[0])
			}
		}
		if key := regexp.MustCompile(`sk-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{16,}|gsk_[A-Za-z0-9]{16,}`).Find(text); key != nil {
			t.Errorf("%s: %s", path, key)
		}
	}
	if found < len(tapes) {
		t.Errorf("%d keys are blanked out in %d tapes", found, len(tapes))
	}
}

func client(t *testing.T, f flavored, through http.RoundTripper) *remote.Client {
	t.Helper()
	opt := f.opt
	opt.URL, opt.Transport = f.url, through
	if f.keyed {
		opt.Key = func() (holdfast.Secret, error) { return holdfast.NewSecret("sk-the-houses-own-key"), nil }
	}
	c, err := remote.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (e exchange) run(t *testing.T, c *remote.Client) {
	t.Helper()
	if e.dialect == nil && e.name == "" {
		e.dialect = openai.Chat()
	}
	if e.dialect != nil {
		e.name = e.dialect.Name
	}
	if !slices.Contains(c.Speaks(), e.name) {
		t.Fatalf("%s is not spoken, only %v", e.name, c.Speaks())
	}
	call := provider.Call{Dialect: e.name, Model: modelOf(e.body), Body: []byte(e.body), Stream: strings.Contains(e.body, `"stream":true`)}
	call.Client = http.Header{
		"Anthropic-Beta": {"context-1m-2025-08-07"}, "Http-Referer": {"https://house.example"}, "Cookie": {"session=1"}, "Authorization": {"Bearer theirs"},
	}
	answer, err := c.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || answer.Status != cmp.Or(e.status, http.StatusOK) {
		t.Fatalf("status %d, %v: %s", answer.Status, err, body)
	}
	switch {
	case e.dialect == nil:
	case e.status != 0:
		if said, ok := e.dialect.ReadError(answer.Status, body); e.says != "" && (!ok || !strings.Contains(said.Message, e.says)) {
			t.Errorf("its error is read as %+v: %s", said, body)
		}
	case call.Stream:
		e.listen(t, body)
	default:
		if said, ok := e.dialect.Answer(body); !ok || said.Empty || said.Usage != e.usage {
			t.Errorf("its answer is read as %+v, want usage %+v", said, e.usage)
		}
	}
}

func modelOf(body string) string {
	_, rest, _ := strings.Cut(body, `"model":"`)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

func (e exchange) listen(t *testing.T, body []byte) {
	t.Helper()
	events, tap := wire.NewEvents(bytes.NewReader(body), nil), e.dialect.NewTap()
	kinds := []dialect.Kind{}
	for events.Fill() == nil {
		for event, ok := events.Next(); ok; event, ok = events.Next() {
			kinds = append(kinds, tap.See(event.Data))
		}
	}
	usage, ok := tap.Usage()
	if !ok || usage != e.usage || !tap.Seen().Finished || tap.Seen().ID == "" {
		t.Errorf("its stream is read as %+v, %+v, want %+v", usage, tap.Seen(), e.usage)
	}
	if kinds[len(kinds)-1] != dialect.KindDone || !slices.Contains(kinds, dialect.KindChunk) ||
		slices.Contains(kinds, dialect.KindGarbage) || slices.Contains(kinds, dialect.KindError) {
		t.Errorf("its events are read as %v", kinds)
	}
}

// TestFlavorsRefuse: what a server refuses and what would change the answer is said, with its field.
func TestFlavorsRefuse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, body, field string }{
		{"https://api.groq.com/openai/v1", `{"model":"m",` + hi + `,"logprobs":true}`, "logprobs"},
		{"https://api.groq.com/openai/v1", `{"model":"m",` + hi + `,"n":2}`, "n"},
		{"https://generativelanguage.googleapis.com/v1beta/openai", `{"model":"m",` + hi + `,"seed":0}`, "seed"},
		{"https://generativelanguage.googleapis.com/v1beta/openai", `{"model":"m",` + hi + `,"presence_penalty":0.5}`, "presence_penalty"},
		{"https://api.mistral.ai/v1", `{"model":"m",` + hi + `,"logit_bias":{"5":1}}`, "logit_bias"},
		{"http://127.0.0.1:11434/v1", `{"model":"m",` + hi + `,"n":3}`, "n"},
		{"https://house.openai.azure.com", `{"model":"..",` + hi + `}`, "model"},
	} {
		_, err := client(t, flavored{url: c.url}, unreachable{}).Do(t.Context(), provider.Call{Dialect: provider.Chat, Model: modelOf(c.body), Body: []byte(c.body)})
		if wrong, ok := errors.AsType[*dialect.InputError](err); !ok || wrong.Field != c.field {
			t.Errorf("%s at %s: %v", c.body, c.url, err)
		}
	}
}

type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("nobody") }

func TestWhichFlavor(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://api.openai.com/v1": "openai", "https://API.OpenAI.com/v1": "openai", "https://eu.api.openai.com/v1": "openai",
		"https://api.openai.com.evil.example/v1": "generic", "https://notapi.openai.com.x/v1": "generic", "http://127.0.0.1:1/v1": "generic",
		"https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1": "bedrock", "https://bedrock-mantle.eu-west-1.api.aws/v1": "bedrock",
		"https://bedrock-runtime.amazonaws.com.evil.example/v1": "generic", "https://ec2-1-2-3-4.compute.amazonaws.com/v1": "generic",
		"http://localhost:11434/v1": "ollama", "https://x.services.ai.azure.com/openai/v1": "azure", "https://openrouter.ai/api/v1": "openrouter",
	} {
		if got := client(t, flavored{url: url}, nil).Flavor(); got != want {
			t.Errorf("%s is taken for %s, want %s", url, got, want)
		}
	}
	if _, err := remote.New(remote.Options{URL: "http://x/v1", Flavor: "vanilla"}); err == nil || !strings.Contains(err.Error(), "vanilla") {
		t.Errorf("an unknown flavor: %v", err)
	}
	azure := client(t, flavored{url: "https://house.openai.azure.com"}, nil)
	if slices.Contains(azure.Speaks(), provider.Responses) {
		t.Error("a dated Azure address speaks responses")
	}
}

// TestDeployments: Azure's dated addresses name the deployment, whatever stands in its name.
func TestDeployments(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://h.openai.azure.com":                      "https://h.openai.azure.com/openai/deployments/a%2Fb/chat/completions",
		"https://h.openai.azure.com/openai":               "https://h.openai.azure.com/openai/deployments/a%2Fb/chat/completions",
		"https://h.openai.azure.com/openai/deployments/x": "https://h.openai.azure.com/openai/deployments/x/chat/completions",
	} {
		got := &seen{}
		_, err := client(t, flavored{url: base}, got).Do(t.Context(), provider.Call{Dialect: provider.Chat, Model: "a/b", Body: []byte(`{"model":"a/b"}`)})
		if err == nil || got.url != want {
			t.Errorf("%s: asked %s, want %s", base, got.url, want)
		}
	}
}

// seen notes what it is asked.
type seen struct {
	url    string
	header http.Header
}

func (s *seen) RoundTrip(r *http.Request) (*http.Response, error) {
	s.url, s.header = r.URL.String(), r.Header
	return nil, context.Canceled
}

func TestTraceContextIsTheGatewaysToPass(t *testing.T) {
	t.Parallel()
	got := &seen{}
	unasked := provider.Call{Dialect: provider.Chat, Body: []byte(`{}`), Client: http.Header{"Traceparent": {"00-1-2-01"}, "Tracestate": {"a=b"}}}
	_, _ = client(t, flavored{url: "http://x/v1"}, got).Do(t.Context(), unasked)
	if got.header.Get("Traceparent")+got.header.Get("Tracestate") != "" {
		t.Errorf("the client's went out: %v", got.header)
	}
	_, _ = client(t, flavored{url: "http://x/v1"}, got).Do(t.Context(), provider.Call{
		Dialect: provider.Chat, Body: []byte(`{}`), TraceParent: "00-1-2-01", TraceState: "a=b",
		Client: http.Header{"Traceparent": {"00-3-4-01"}, "Tracestate": {"c=d"}, "X-Forwarded-For": {"10.0.0.1"}, "Anthropic-Beta": {"x"}, "Cookie": {"c"}, "X-Api-Key": {"sk-theirs"}},
	})
	if got.header.Get("Traceparent") != "00-1-2-01" || got.header.Get("Tracestate") != "a=b" {
		t.Errorf("headers %v", got.header)
	}
	for _, name := range []string{"X-Forwarded-For", "Anthropic-Beta", "Cookie", "X-Api-Key", "Authorization"} {
		if got.header.Get(name) != "" {
			t.Errorf("%s went out", name)
		}
	}
}

// FuzzFit: whatever a client sends, a flavor refuses it or sends JSON.
func FuzzFit(f *testing.F) {
	for _, seed := range []string{
		`{"max_tokens":1,"max_completion_tokens":2}`, `{"seed":1,"random_seed":2}`, `{"n":null}`, `[]`, `{`,
		`{"store":{"a":[1,{"b":"}"}]}}`, `{"user" : "\"" , "user":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, one := range remote.Flavors() {
			got := &kept{}
			c, err := remote.New(remote.Options{URL: "http://x/v1", Flavor: one.Name, Transport: got})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(c.Speaks(), provider.Chat) {
				continue
			}
			_, err = c.Do(t.Context(), provider.Call{Dialect: provider.Chat, Model: "m", Body: body})
			if _, refused := errors.AsType[*dialect.InputError](err); refused {
				continue
			}
			if wasJSON, isJSON := valid(body), valid(got.body); wasJSON && !isJSON {
				t.Errorf("%s made %q of %q", one.Name, got.body, body)
			}
		}
	})
}

// kept keeps the body that it is asked with.
type kept struct{ body []byte }

func (k *kept) RoundTrip(r *http.Request) (*http.Response, error) {
	var err error
	if k.body, err = io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	return nil, context.Canceled
}

func valid(body []byte) bool { return json.Valid(body) }

// TestANewKeyCountsAtOnce, and one client's headers never reach another's call.
func TestANewKeyCountsAtOnce(t *testing.T) {
	t.Parallel()
	key, got := "one", &seen{}
	c, err := remote.New(remote.Options{
		URL: "https://api.anthropic.com", Headers: map[string]string{"user-agent": "house/1"}, Transport: got,
		Key: func() (holdfast.Secret, error) { return holdfast.NewSecret(key), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(stream bool, client http.Header) http.Header {
		_, _ = c.Do(t.Context(), provider.Call{Dialect: provider.Messages, Body: []byte(`{}`), Stream: stream, Client: client})
		return got.header
	}
	first := ask(true, http.Header{"Anthropic-Beta": {"x"}})
	if first.Get("X-Api-Key") != "one" || first.Get("Anthropic-Beta") != "x" || first.Get("Accept") != "text/event-stream" || first.Get("User-Agent") != "house/1" {
		t.Errorf("headers %v", first)
	}
	key = "two"
	second := ask(true, nil)
	if second.Get("X-Api-Key") != "two" || second.Get("Anthropic-Beta") != "" || first.Get("X-Api-Key") != "one" {
		t.Errorf("headers %v after %v", second, first)
	}
	if third := ask(false, nil); third.Get("Accept") != "application/json" {
		t.Errorf("headers %v", third)
	}
}

// carrier keeps what goes out.
type carrier struct{ got *http.Request }

func (c *carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	c.got = r
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// TestClientsDoNotSpeakForTheHouse: neither whose account pays nor what the operator says is theirs.
func TestClientsDoNotSpeakForTheHouse(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]http.Header{
		"https://api.openai.com/v1":    {"Openai-Beta": {"theirs"}, "Openai-Organization": nil, "Openai-Project": {"house"}, "X-Title": {"house"}},
		"https://openrouter.ai/api/v1": {"Openai-Beta": nil, "X-Title": {"house"}, "Http-Referer": {"theirs"}},
	} {
		line := &carrier{}
		c, err := remote.New(remote.Options{URL: address, Transport: line, Headers: map[string]string{"x-title": "house", "OpenAI-Project": "house"}})
		if err != nil {
			t.Fatal(err)
		}
		theirs := http.Header{}
		for _, name := range []string{"Openai-Beta", "Openai-Organization", "Openai-Project", "X-Title", "Http-Referer"} {
			theirs.Set(name, "theirs")
		}
		if _, err := c.Do(t.Context(), provider.Call{Model: "m", Dialect: provider.Chat, Body: []byte(`{"model":"m"}`), Client: theirs}); err != nil {
			t.Fatal(err)
		}
		for name, values := range want {
			if got := line.got.Header[name]; !slices.Equal(got, values) {
				t.Errorf("%s: %s is %q, want %q", address, name, got, values)
			}
		}
	}
}

// TestNoOtherModelAnswers than the one that was asked.
func TestNoOtherModelAnswers(t *testing.T) {
	t.Parallel()
	line := &carrier{}
	c, err := remote.New(remote.Options{URL: "https://openrouter.ai/api/v1", Transport: line})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(t.Context(), provider.Call{Model: "m", Dialect: provider.Chat, Body: []byte(`{"model":"m","models":["dear/one"]}`)})
	if wrong, ok := errors.AsType[*dialect.InputError](err); !ok || wrong.Field != "models" || line.got != nil {
		t.Errorf("%v, and %v went out", err, line.got)
	}
}
