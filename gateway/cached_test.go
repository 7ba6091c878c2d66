// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/metrics"
	"holdfast/core/store"
	"holdfast/gateway/ledger"
	"holdfast/gateway/provider"
)

// caches is a house that keeps answers, before a server that counts what it is asked.
func caches(t *testing.T, up http.HandlerFunc, change func(*Config, *Needs)) (*testHouse, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	c := testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		up(w, r)
	}))
	c.Cache.On = true
	needs := &Needs{}
	if change != nil {
		change(&c, needs)
	}
	h := newHouseWith(t, c, func(n *Needs, _ *ledger.Needs) { n.Meter, n.Limits = needs.Meter, needs.Limits })
	return h, &asked
}

func same(stream bool, more string) string {
	return fmt.Sprintf(`{"model":"chat","stream":%v,"temperature":0,"max_tokens":64,"messages":[{"role":"user","content":%q}]%s}`, stream, secretText, more)
}

// with posts a body with headers, and reads all of the answer.
func (h *testHouse) with(body string, headers ...string) (*http.Response, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		h.t.Fatal(err)
	}
	return resp, string(answer)
}

func TestASecondIdenticalRequestIsAnsweredFromMemory(t *testing.T) {
	t.Parallel()
	stream := roleEvent + chunkEvent("hello") + stopEvent
	for name, one := range map[string]struct {
		up     http.HandlerFunc
		stream bool
		want   string
	}{
		"plain":    {answers(200, jsonKind, answerBody), false, answerBody},
		"streamed": {say(roleEvent, chunkEvent("hello"), stopEvent, usageEvent, doneEvent), true, stream + doneEvent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			meter := metrics.New()
			h, asked := caches(t, one.up, func(_ *Config, n *Needs) { n.Meter = meter })
			first, got := h.with(same(one.stream, ""))
			if got != one.want || first.Header.Get("X-Holdfast-Cache") != "miss" {
				t.Fatalf("%q: %s", first.Header.Get("X-Holdfast-Cache"), got)
			}
			h.settled()
			before, err := h.ledger.Burn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			second, got := h.with(same(one.stream, ""))
			if got != one.want || asked.Load() != 1 {
				t.Fatalf("the server was asked %d times, the second answer is %s", asked.Load(), got)
			}
			for header, want := range map[string]string{
				"X-Holdfast-Cache": "hit", "X-Holdfast-Provider": "up", "X-Holdfast-Model": "model-x", "Age": "0", "Content-Type": first.Header.Get("Content-Type"),
			} {
				if second.Header.Get(header) != want {
					t.Errorf("%s is %q, want %q", header, second.Header.Get(header), want)
				}
			}
			if id := second.Header.Get("X-Request-Id"); id == "" || id == first.Header.Get("X-Request-Id") {
				t.Errorf("its request id is %q", id)
			}
			eventually(t, func() bool { return len(h.rows()) == 2 })
			hit := h.rows()[1]
			if hit.status != ledger.StatusCached || hit.provider != cachedBy || hit.input+hit.output != 0 || hit.estimated {
				t.Errorf("it is booked as %+v", hit)
			}
			if cost := h.costs()[1]; !cost.Valid || cost.Int64 != 0 {
				t.Errorf("it costs %+v, want a known 0", cost)
			}
			if after, err := h.ledger.Burn(t.Context()); err != nil || after != before {
				t.Errorf("the burn went from %+v to %+v, %v", before, after, err)
			}
			w := httptest.NewRecorder()
			meter.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
			for _, want := range []string{`holdfast_gateway_cache_total{result="hit"} 1`, `holdfast_gateway_cache_total{result="miss"} 1`, `provider="cache",status="cached"} 1`} {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("no %s", want)
				}
			}
		})
	}
}

// costs are those of the rows.
func (h *testHouse) costs() []sql.NullInt64 {
	h.t.Helper()
	var list []sql.NullInt64
	err := h.store.Read(h.t.Context(), func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT cost FROM ledger_calls ORDER BY time_ns")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var cost sql.NullInt64
			if err := rows.Scan(&cost); err != nil {
				return err
			}
			list = append(list, cost)
		}
		return rows.Err()
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func TestWhatIsNotIdenticalOrNotWantedIsAsked(t *testing.T) {
	t.Parallel()
	h, asked := caches(t, answers(200, jsonKind, answerBody), nil)
	for i, one := range []struct {
		body    string
		headers []string
		cache   string
	}{
		{same(false, ""), nil, "miss"},
		{same(false, `,"top_p":1`), nil, "miss"},
		{same(false, ""), []string{"X-Test-Key", "another"}, "miss"},
		{same(false, ""), []string{"X-Test-Tenant", "other"}, "miss"},
		{strings.Replace(same(false, ""), `"chat"`, `"up/model-x"`, 1), nil, "miss"},
		{strings.Replace(same(false, ""), `"temperature":0`, `"temperature":1`, 1), nil, ""},
		{strings.Replace(same(false, ""), `"temperature":0`, `"temperature":1`, 1), nil, ""},
		{same(false, ""), []string{"Cache-Control", "no-store"}, ""},
		{same(false, ""), []string{"Cache-Control", "no-cache"}, ""},
	} {
		resp, got := h.with(one.body, one.headers...)
		if resp.Header.Get("X-Holdfast-Cache") != one.cache || got != answerBody || asked.Load() != int64(i+1) {
			t.Errorf("%d: cache %q, asked %d times: %s", i, resp.Header.Get("X-Holdfast-Cache"), asked.Load(), got)
		}
	}
	if resp, _ := h.with(same(false, "")); resp.Header.Get("X-Holdfast-Cache") != "hit" {
		t.Error("the first is forgotten")
	}
}

func TestWhatIsNotWholeIsNotKept(t *testing.T) {
	t.Parallel()
	large := strings.Replace(answerBody, "Good day", strings.Repeat("x", 3<<10), 1)
	for name, one := range map[string]struct {
		up     http.HandlerFunc
		stream bool
	}{
		"an error":            {answers(400, jsonKind, `{"error":{"message":"no"}}`), false},
		"a cut stream":        {breakOff(roleEvent, chunkEvent("hel")), true},
		"an error event":      {say(roleEvent, chunkEvent("hel"), `data: {"error":{"message":"no"}}`+"\n\n"), true},
		"garbage":             {say(roleEvent, chunkEvent("hel"), "data: {nonsense\n\n"), true},
		"another's answer":    {answers(500, jsonKind, `{}`), false},
		"one that is too big": {answers(200, jsonKind, large), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := caches(t, one.up, func(c *Config, _ *Needs) { c.Cache.MaxAnswerKB, c.Retries = 1, 0 })
			body := same(one.stream, "")
			if name == "another's answer" {
				body = strings.Replace(body, `"chat"`, `"safe"`, 1)
			}
			h.with(body)
			h.with(body)
			if n, _ := h.cache.Held(); n != 0 {
				t.Errorf("%d answers are kept", n)
			}
		})
	}
}

// TestAnAnswerBoundByTheHouseIsNotKept: another moment it would be longer.
func TestAnAnswerBoundByTheHouseIsNotKept(t *testing.T) {
	t.Parallel()
	long := strings.Replace(answerBody, `"completion_tokens":12,"total_tokens":42`, `"completion_tokens":32768,"total_tokens":32798`, 1)
	h, _ := caches(t, answers(200, jsonKind, long), nil)
	resp, _ := h.with(strings.Replace(same(false, ""), `"max_tokens":64,`, "", 1))
	if resp.Header.Get("X-Holdfast-Limit") == "" {
		t.Fatal("the answer was not bound")
	}
	if n, _ := h.cache.Held(); n != 0 {
		t.Errorf("%d answers are kept", n)
	}
}

func TestHaltRefusesHits(t *testing.T) {
	t.Parallel()
	h, asked := caches(t, answers(200, jsonKind, answerBody), nil)
	h.with(same(false, ""))
	halt(t, h, "enough")
	resp, got := h.with(same(false, ""))
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(got, "breaker_halt") || asked.Load() != 1 {
		t.Errorf("status %d: %s", resp.StatusCode, got)
	}
}

func TestAKeysLimitsRefuseHits(t *testing.T) {
	t.Parallel()
	limits := &counting{}
	h, _ := caches(t, answers(200, jsonKind, answerBody), func(_ *Config, n *Needs) { n.Limits = limits })
	h.with(same(false, ""), "X-Test-Key", "k")
	h.with(same(false, ""), "X-Test-Key", "k")
	if n := limits.asked.Load(); n != 2 {
		t.Errorf("two requests counted as %d", n)
	}
	limits.no.Store(true)
	if resp, got := h.with(same(false, ""), "X-Test-Key", "k"); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("X-Holdfast-Cache") == "hit" {
		t.Errorf("status %d: %s", resp.StatusCode, got)
	}
}

func TestReloadAndClearForget(t *testing.T) {
	t.Parallel()
	h, asked := caches(t, answers(200, jsonKind, answerBody), nil)
	h.with(same(false, ""))
	if err := h.Apply(*h.needs.Config); err != nil {
		t.Fatal(err)
	}
	h.with(same(false, ""))
	if asked.Load() != 2 {
		t.Error("a reload forgets nothing")
	}
	clearing := clearing(&h.cache)
	got, err := clearing.Run(t.Context(), action.Nothing{})
	if err != nil {
		t.Fatal(err)
	}
	if said, err := json.Marshal(got); err != nil || string(said) != `{"forgotten":1}` {
		t.Errorf("%s, %v", said, err)
	}
	off := *h.needs.Config
	off.Cache.On = false
	if err := h.Apply(off); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if resp, _ := h.with(same(false, "")); resp.Header.Get("X-Holdfast-Cache") != "" {
			t.Error("a cache that is off speaks")
		}
	}
	if n, _ := h.cache.Held(); n != 0 || asked.Load() != 4 {
		t.Errorf("%d answers are kept, the server was asked %d times", n, asked.Load())
	}
}

// TestAReloadWhileACallBegins: what the provider of before answers is not kept for those of after.
func TestAReloadWhileACallBegins(t *testing.T) {
	t.Parallel()
	h, _ := caches(t, answers(200, jsonKind, answerBody), nil)
	before, client, body := h.routes.Load(), h.tongues.get(provider.Chat), []byte(same(false, ""))
	req, err := client.Scan(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Apply(*h.needs.Config); err != nil {
		t.Fatal(err)
	}
	chain, _ := before.names.Resolve("chat")
	said := &reply{header: http.Header{}}
	c := &call{
		g: h.Gateway, w: said, client: client, header: http.Header{}, req: req, body: body, table: before, settings: &before.config,
		began: time.Now(), trip: h.router.Trip(chain),
	}
	caching{c}.run(t.Context(), chain)
	if c.status != http.StatusOK {
		t.Fatalf("status %d: %s", c.status, said.body.String())
	}
	if n, _ := h.cache.Held(); n != 0 {
		t.Errorf("%d answers are kept", n)
	}
}

// Identical requests at the same time are each asked; what is kept is one whole answer.
func TestIdenticalRequestsAtOnce(t *testing.T) {
	t.Parallel()
	var turn atomic.Int64
	h, asked := caches(t, func(w http.ResponseWriter, r *http.Request) {
		text := strings.Repeat(string(rune('a'+turn.Add(1)%26)), 2000)
		say(roleEvent, chunkEvent(text[:1000]), chunkEvent(text[1000:]), stopEvent, doneEvent)(w, r)
	}, nil)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/v1/chat/completions", strings.NewReader(same(true, "")))
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || !strings.HasSuffix(string(got), doneEvent) {
				t.Errorf("%v: %s", err, got)
			}
		})
	}
	all.Wait()
	before := asked.Load()
	_, one := h.with(same(true, ""))
	_, again := h.with(same(true, ""))
	if one != again || asked.Load() != before {
		t.Errorf("asked %d more times; two answers:\n%.200s\n%.200s", asked.Load()-before, one, again)
	}
	eventually(t, func() bool { return len(h.rows()) == 18 })
}

// counting is limits that count, and refuse when told to.
type counting struct {
	asked atomic.Int64
	no    atomic.Bool
}

func (c *counting) Allow(context.Context, holdfast.Caller, string, int64) error {
	c.asked.Add(1)
	if c.no.Load() {
		return &holdfast.Refusal{Reason: "no more"}
	}
	return nil
}

func (*counting) Settle(holdfast.Caller, time.Time, int64, int64)   {}
func (*counting) Left(context.Context, holdfast.Caller) int64       { return 1 << 40 }
func (*counting) May(context.Context, holdfast.Caller, string) bool { return true }
