// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/gateway/breaker"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/ledger"
	"holdfast/gateway/route"
)

// testHouse is a gateway with its ledger and breaker on a disk, served on a port.
type testHouse struct {
	*Gateway
	t       testing.TB
	url     string
	store   *store.Store
	ledger  *ledger.Ledger
	breaker *breaker.Breaker
	log     *syncBuffer
	end     context.CancelCauseFunc // ends what is served
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

type keyring map[string]string

func (k keyring) Get(name string) (holdfast.Secret, bool) {
	value, ok := k[name]
	return holdfast.NewSecret(value), ok
}

const (
	secretKey  = "sk-the-houses-own-key"
	secretText = "the client's private words"
)

// testConfig has a provider under test, up, and one behind it that always answers, spare.
func testConfig(up string) Config {
	c := Defaults()
	c.Providers["up"] = Provider{Kind: kindOpenAI, URL: up, Key: "UP_KEY"}
	c.Providers["spare"] = Provider{Kind: kindRehearsal}
	c.Aliases = map[string][]string{"chat": {"up/model-x"}, "safe": {"up/model-x", "spare/understudy"}, "deep": {"safe"}}
	return c
}

// impatient shortens every wait of a configuration.
func impatient(c Config) Config {
	short := config.Duration(2 * time.Second)
	c.Timeouts = Timeouts{Connect: config.Duration(5 * time.Second), FirstByte: short, Answer: short, Stall: short}
	return c
}

func newHouse(t *testing.T, c Config) *testHouse {
	t.Helper()
	return newHouseWith(t, c, func(*Needs, *ledger.Needs) {})
}

// newHouseWith changes what the gateway and its ledger are made of.
func newHouseWith(t testing.TB, c Config, change func(*Needs, *ledger.Needs)) *testHouse {
	t.Helper()
	h := &testHouse{t: t, log: &syncBuffer{}}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	root := home.At(t.TempDir())
	h.store = storetest.Open(t, storetest.Options(t, store.SQLite, []store.Migration{{Package: "ledger", FS: ledger.Migrations()}}))
	h.breaker = breaker.New(breaker.Needs{
		Home: root, Log: log,
		Burn: func(ctx context.Context) (judge.Burn, error) { return h.ledger.Burn(ctx) },
	})
	books := ledger.Needs{Store: h.store, Dir: root.Var("ledger"), Node: "here", Gate: h.breaker, Log: log}
	needs := Needs{Home: root, Config: &c, Breaker: h.breaker, Keys: keyring{"UP_KEY": secretKey}, Log: log}
	change(&needs, &books)
	h.ledger = ledger.New(books)
	needs.Ledger = h.ledger
	h.Gateway = New(needs)
	if wrong := c.Check(); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	for _, start := range []func(context.Context) error{h.ledger.Start, h.breaker.Start, h.Start} {
		if err := start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = h.ledger.Stop(context.WithoutCancel(t.Context())) })
	h.serve(h.Capability().Routes)
	return h
}

func (h *testHouse) serve(routes []house.Route) {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc(r.Pattern, func(w http.ResponseWriter, q *http.Request) {
			caller := holdfast.Caller{Kind: holdfast.CallerAgent, Name: "tester", Tier: holdfast.TierTenantPeer, Key: q.Header.Get("X-Test-Key"), Tenant: q.Header.Get("X-Test-Tenant")}
			r.Handler.ServeHTTP(w, q.WithContext(holdfast.WithCaller(q.Context(), caller)))
		})
	}
	server := httptest.NewUnstartedServer(mux)
	var under context.Context
	under, h.end = context.WithCancelCause(context.WithoutCancel(h.t.Context()))
	server.Config.BaseContext = func(net.Listener) context.Context { return under }
	server.Start()
	h.url = server.URL
	h.t.Cleanup(server.Close)
}

func request(model string, stream bool) string {
	return fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":%q}],"max_tokens":64}`, model, stream, secretText)
}

// post sends a body and reads all of the answer.
func (h *testHouse) post(body string) (*http.Response, string) {
	h.t.Helper()
	resp, err := h.send(h.t.Context(), body)
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		h.t.Fatalf("the answer broke off: %v after %s", err, answer)
	}
	return resp, string(answer)
}

func (h *testHouse) send(ctx context.Context, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}

// row is what the ledger has of the last call.
type row struct {
	status, provider, agent string
	estimated               bool
	fallback                int
	input, output           int64
}

func (h *testHouse) rows() []row {
	h.t.Helper()
	if _, err := h.ledger.Summary(h.t.Context(), 1); err != nil { // everything is written
		h.t.Fatal(err)
	}
	var list []row
	err := h.store.Read(h.t.Context(), func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT status, provider, agent, estimated, fallback, input + cached_read, output FROM ledger_calls ORDER BY time_ns")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var r row
			estimated := 0
			if err := rows.Scan(&r.status, &r.provider, &r.agent, &estimated, &r.fallback, &r.input, &r.output); err != nil {
				return err
			}
			r.estimated = estimated == 1
			list = append(list, r)
		}
		return rows.Err()
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// rests tells whether a model is left out of its chains.
func (h *testHouse) rests(name string) bool {
	return slices.ContainsFunc(h.router.Cooldowns(), func(c route.Cooldown) bool { return c.Target.String() == name })
}

// settled waits until nothing is under way and returns the last row.
func (h *testHouse) settled() row {
	h.t.Helper()
	eventually(h.t, func() bool {
		burn, err := h.ledger.Burn(h.t.Context())
		return err == nil && burn.Reserved == 0 && len(h.rows()) > 0
	})
	rows := h.rows()
	return rows[len(rows)-1]
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("it did not come to pass")
		case <-again.C:
		}
	}
}

// serveUp is a server of ours that behaves as a case wants; it knows when its caller hung up.
func serveUp(t *testing.T, serve func(w http.ResponseWriter, r *http.Request)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer "+secretKey {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that its caller hung up
		serve(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL + "/v1"
}

// raw answers every connection with bytes of its own and closes it.
func raw(t *testing.T, answer string) string {
	t.Helper()
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 64<<10))
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	return "http://" + socket.Addr().String() + "/v1"
}

func chunkEvent(text string) string {
	return fmt.Sprintf("data: {\"id\":\"c-1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"model-x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":null}]}\n\n", text)
}

const (
	roleEvent  = `data: {"id":"c-1","object":"chat.completion.chunk","created":7,"model":"model-x","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
	stopEvent  = `data: {"id":"c-1","object":"chat.completion.chunk","created":7,"model":"model-x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	usageEvent = `data: {"id":"c-1","object":"chat.completion.chunk","created":7,"model":"model-x","choices":[],"usage":{"prompt_tokens":30,"completion_tokens":12,"total_tokens":42}}` + "\n\n"
	doneEvent  = "data: [DONE]\n\n"
	answerBody = `{"id":"c-1","object":"chat.completion","created":7,"model":"model-x","choices":[{"index":0,"message":{"role":"assistant","content":"Good day to you."},"finish_reason":"stop"}],"usage":{"prompt_tokens":30,"completion_tokens":12,"total_tokens":42},"x_extra":{"kept":[1,2.50]}}`
)
