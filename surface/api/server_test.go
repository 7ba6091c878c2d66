// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/surface/api"
	"holdfast/surface/problem"
)

type quiet struct{}

func (quiet) Append(_ context.Context, e holdfast.Entry) (holdfast.Entry, error) { return e, nil }
func (quiet) Action(string, holdfast.Outcome, time.Duration)                     {}
func (quiet) Refusal(string)                                                     {}

// door knows one session cookie and one key.
type door struct{}

func (door) Identify(r *http.Request) (holdfast.Caller, error) {
	if c, err := r.Cookie("holdfast_session"); err == nil && c.Value == "good" {
		return holdfast.Caller{Kind: holdfast.CallerOperator, Name: "session", Tier: holdfast.TierOperator}, nil
	}
	return holdfast.Nobody("http"), nil
}

func (door) Key(_ context.Context, token string) (holdfast.Caller, bool) {
	return holdfast.Caller{Kind: holdfast.CallerAgent, Name: "key", Tier: holdfast.TierTenantPeer}, token == "sk-good"
}

type in struct {
	Name string `json:"name" required:"true"`
	Size int    `json:"size" default:"1" max:"9"`
	File string `json:"file"`
}

type out struct {
	Name string `json:"name"`
	Size int    `json:"size"`
	File string `json:"file"`
	Who  string `json:"who"`
}

func server(t *testing.T) *api.Server {
	t.Helper()
	registry, err := action.NewRegistry(action.Needs{
		Journal: quiet{}, Meter: quiet{}, Log: slog.New(slog.DiscardHandler),
		Store: storetest.SQLite(t, []store.Migration{{Package: "action", FS: action.Migrations()}}),
		Seal:  func() ([]byte, error) { return bytes.Repeat([]byte("k"), 32), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	echo := func(ctx context.Context, i in) (out, error) {
		return out{i.Name, i.Size, i.File, holdfast.CallerFrom(ctx).String()}, nil
	}
	gone := false
	err = registry.Add(
		action.NewAction(holdfast.Action{
			Name: "thing.show", Summary: "Show", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
			Routes: []holdfast.ActionRoute{{Method: "GET", Path: "/api/supervisor/things/{name}"}, {Method: "POST", Path: "/api/supervisor/things/upload", Upload: "file"}},
		}, echo),
		action.NewAction(holdfast.Action{Name: "thing.hello", Summary: "Hello", Tier: holdfast.TierPublic, Effect: holdfast.EffectRead},
			func(context.Context, action.Nothing) (out, error) { return out{}, nil }),
		action.NewAction(holdfast.Action{Name: "thing.fail", Summary: "Fail", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead},
			func(context.Context, action.Nothing) (out, error) {
				return out{}, &holdfast.Refusal{Guard: "breaker", Reason: "halted", RetryAfter: 90 * time.Second}
			}),
		action.NewDestroyer(holdfast.Action{
			Name: "thing.delete", Summary: "Delete", Tier: holdfast.TierOperator,
			Categories: []holdfast.Category{{Name: "files", Summary: "files", Returns: holdfast.ReturnsNever}},
		}, func(context.Context, in) ([]holdfast.Category, error) {
			if gone {
				return nil, nil
			}
			return []holdfast.Category{{Name: "files", Items: []holdfast.Item{{ID: "x", Kind: "file"}}}}, nil
		}, func(_ context.Context, i in) (out, error) { gone = true; return out{Name: i.Name}, nil }),
	)
	if err != nil {
		t.Fatal(err)
	}
	err = registry.AddStreams(holdfast.Stream{Action: "thing.show", Run: func(_ context.Context, input any, send func(any) error) error {
		for i := range 3 {
			if err := send(map[string]any{"n": i, "name": input.(in).Name}); err != nil {
				return err
			}
		}
		return errors.New("the end broke")
	}})
	if err != nil {
		t.Fatal(err)
	}
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, holdfast.CallerFrom(r.Context()).String())
	})
	return &api.Server{
		Registry: registry, Sessions: door{}, Keys: door{}, Hub: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler),
		Routes: []house.Route{
			{Pattern: "POST /v1/chat/completions", Auth: house.AuthKey, Loopback: true, Handler: who},
			{Pattern: "POST /v1/messages", Auth: house.AuthKey, Loopback: true, Handler: who},
			{Pattern: "GET /page", Auth: house.AuthSession, Handler: who},
			{Pattern: "GET /open", Auth: house.AuthPublic, Handler: who},
			{Pattern: "GET /undeclared", Handler: who},
		},
	}
}

type ask struct {
	method, path, body string
	header             map[string]string
}

func send(t *testing.T, h http.Handler, q ask) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), q.method, q.path, strings.NewReader(q.body))
	for k, v := range q.header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var (
	session = map[string]string{"Cookie": "holdfast_session=good"}
	key     = map[string]string{"Authorization": "Bearer sk-good"}
	badKey  = map[string]string{"Authorization": "Bearer sk-bad"}
)

func TestWhoMayCallWhat(t *testing.T) {
	h := server(t).Door()
	for name, c := range map[string]struct {
		ask    ask
		status int
		says   string
	}{
		"an operator's session":         {ask{"POST", "/api/v1/thing/show", `{"name":"a"}`, session}, 200, `"who":"operator:session"`},
		"nobody":                        {ask{"POST", "/api/v1/thing/show", `{"name":"a"}`, nil}, 401, "who are you"},
		"nobody, a public action":       {ask{"POST", "/api/v1/thing/hello", "", nil}, 200, ""},
		"a key below the tier":          {ask{"POST", "/api/v1/thing/show", `{"name":"a"}`, key}, 403, `"guard":"tier"`},
		"a wrong key":                   {ask{"POST", "/api/v1/thing/show", `{"name":"a"}`, badKey}, 401, "who are you"},
		"bad input, all of it":          {ask{"POST", "/api/v1/thing/show", `{"size":12,"x":1}`, session}, 400, `"field":"name"`},
		"not JSON":                      {ask{"POST", "/api/v1/thing/show", `{`, session}, 400, "not a JSON object"},
		"an unknown action":             {ask{"POST", "/api/v1/thing/nope", `{}`, session}, 404, "openapi.json"},
		"a route of another system":     {ask{"GET", "/api/supervisor/things/zed?size=4", "", session}, 200, `"name":"zed","size":4`},
		"refused by the breaker":        {ask{"POST", "/api/v1/thing/fail", "", session}, 403, `"retry_after":90`},
		"an agent's destruction":        {ask{"POST", "/api/v1/thing/delete", `{"name":"a"}`, key}, 202, `"approval":"`},
		"the data plane by key":         {ask{"POST", "/v1/chat/completions", "", key}, 200, "agent:key"},
		"the data plane without a key":  {ask{"POST", "/v1/chat/completions", "", nil}, 401, `"type":"authentication_error"`},
		"the data plane by x-api-key":   {ask{"POST", "/v1/messages", "", map[string]string{"X-Api-Key": "sk-good"}}, 200, "agent:key"},
		"a wrong x-api-key":             {ask{"POST", "/v1/messages", "", map[string]string{"X-Api-Key": "sk-bad"}}, 401, `{"type":"error","error":{"type":"authentication_error"`},
		"a session on a key route":      {ask{"POST", "/v1/chat/completions", "", session}, 401, ""},
		"a page by session":             {ask{"GET", "/page", "", session}, 200, "operator:session"},
		"a page by nobody":              {ask{"GET", "/page", "", nil}, 401, ""},
		"an open page":                  {ask{"GET", "/open", "", nil}, 200, "nobody"},
		"a route that declares nothing": {ask{"GET", "/undeclared", "", session}, 500, "declares no authentication"},
	} {
		t.Run(name, func(t *testing.T) {
			w := send(t, h, c.ask)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, c.status, c.says)
			}
			if w.Code >= 400 && !strings.HasPrefix(c.ask.path, "/v1/") && w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("content type %q", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestTheLoopbackListenerHasNoControlAPI(t *testing.T) {
	h := server(t).Loopback()
	if w := send(t, h, ask{"POST", "/api/v1/thing/show", `{"name":"a"}`, key}); w.Code != http.StatusNotFound {
		t.Errorf("got %d", w.Code)
	}
	if w := send(t, h, ask{"GET", "/", "", nil}); w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != problem.MediaType {
		t.Errorf("nothing there: got %d %s", w.Code, w.Body)
	}
	if w := send(t, h, ask{"GET", "/v1/nonsense", "", nil}); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), `"error":{`) {
		t.Errorf("nothing under /v1: got %d %s", w.Code, w.Body)
	}
	if w := send(t, h, ask{"POST", "/v1/chat/completions", "", key}); w.Code != http.StatusOK {
		t.Errorf("got %d", w.Code)
	}
}

func TestInventoryThenConfirmation(t *testing.T) {
	h := server(t).Door()
	w := send(t, h, ask{"POST", "/api/v1/thing/delete", `{"name":"a"}`, session})
	var d struct {
		Inventory holdfast.Inventory `json:"inventory"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusConflict || len(d.Inventory.Categories) != 1 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	w = send(t, h, ask{"POST", "/api/v1/thing/delete", `{"name":"a"}`, map[string]string{
		"Cookie": session["Cookie"], api.ConfirmHeader: d.Inventory.Token + "; files",
	}})
	if w.Code != http.StatusOK {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
}

// FuzzConfirm sends a destroying action with every kind of confirmation: none may destroy.
func FuzzConfirm(f *testing.F) {
	for _, seed := range []string{"", ";", "token; files", "AAAA; files, files", "\x00;\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		h := server(t).Door() // its store ends with t
		w := send(t, h, ask{"POST", "/api/v1/thing/delete", `{"name":"a"}`, map[string]string{"Cookie": session["Cookie"], api.ConfirmHeader: header}})
		if w.Code != http.StatusConflict && w.Code != http.StatusBadRequest {
			t.Errorf("%q: got %d %s", header, w.Code, w.Body)
		}
	})
}

func TestUpload(t *testing.T) {
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, _ := m.CreateFormFile("file", "x.env")
	_, _ = part.Write([]byte("A=1"))
	_ = m.Close()
	w := send(t, server(t).Door(), ask{
		"POST", "/api/supervisor/things/upload", form.String(),
		map[string]string{"Cookie": session["Cookie"], "Content-Type": m.FormDataContentType()},
	})
	if w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "multipart") {
		t.Errorf("the upload should be read and only the name be missing: %d %s", w.Code, w.Body)
	}
}

func TestStream(t *testing.T) {
	live := httptest.NewServer(server(t).Door())
	defer live.Close()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, live.URL+"/api/v1/thing/show/follow?name=zed", nil)
	r.Header.Set("Cookie", session["Cookie"])
	resp, err := live.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	var events []string
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		if strings.HasPrefix(s.Text(), "data: ") || strings.HasPrefix(s.Text(), "event: ") {
			events = append(events, s.Text())
		}
	}
	if len(events) != 5 || !strings.Contains(events[0], `"name":"zed"`) || events[3] != "event: problem" {
		t.Errorf("events %q", events)
	}
}

func TestAHugeBodyIsRefused(t *testing.T) {
	w := send(t, server(t).Door(), ask{"POST", "/api/v1/thing/show", `{"name":"` + strings.Repeat("x", 5<<20) + `"}`, session})
	if w.Code != http.StatusBadRequest {
		t.Errorf("got %d", w.Code)
	}
}
