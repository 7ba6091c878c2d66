// SPDX-License-Identifier: Apache-2.0

package router

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	hubHost = "127.0.0.1:8443"
	extHost = "127.0.0.1:8445"
	hubURL  = "http://" + hubHost
	extURL  = "http://" + extHost
)

// fakeHouse is the other end of the socket, and the house's own HTTP listener.
type fakeHouse struct {
	t      *testing.T
	dir    string
	socket string

	mu       sync.Mutex
	sessions map[string]Answer // by kind and token
	handed   map[string]string
	asks     []Ask
	table    Table
	conns    map[net.Conn]bool
	applied  chan uint64
	hellos   chan Hello
	lines    net.Listener
	served   net.Listener
	http     *http.Server
	handler  http.Handler
}

func newHouse(t *testing.T) *fakeHouse {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	h := &fakeHouse{
		t: t, dir: dir, socket: filepath.Join(dir, "r"), sessions: map[string]Answer{}, handed: map[string]string{},
		conns: map[net.Conn]bool{}, applied: make(chan uint64, 4096), hellos: make(chan Hello, 64),
	}
	h.handler = http.HandlerFunc(echo("house"))
	h.table = Table{
		Revision: 1, House: filepath.Join(dir, "h"), Open: []string{"/auth/", "/api/", "/v1/"},
		Hub:        Origin{URL: hubURL, Hosts: []string{"localhost:8443"}, Cookie: "holdfast_session_8443"},
		Extensions: Origin{URL: extURL, Hosts: []string{"localhost:8445"}, Cookie: "holdfast_extension_8445"},
	}
	h.allow(AskSession, "operator")
	h.allow(AskExtension, "visitor")
	t.Cleanup(func() {
		h.down()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	h.up()
	return h
}

func (h *fakeHouse) allow(kind, token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[kind+" "+token] = Answer{OK: true, Session: SessionID(token), User: "ada", Tier: "operator", Operator: true}
}

func (h *fakeHouse) forbid(kind, token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, kind+" "+token)
}

func (h *fakeHouse) up() {
	lines, err := net.Listen("unix", h.socket)
	if err != nil {
		h.t.Fatal(err)
	}
	served, err := net.Listen("unix", h.table.House)
	if err != nil {
		h.t.Fatal(err)
	}
	h.lines, h.served, h.http = lines, served, &http.Server{Handler: h.handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = h.http.Serve(served) }()
	go h.accept(lines)
}

// down is a killed house: everything it held is gone at once.
func (h *fakeHouse) down() {
	_ = h.lines.Close()
	_ = h.served.Close() // the server may not know it yet
	_ = h.http.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		_ = c.Close()
		delete(h.conns, c)
	}
}

func (h *fakeHouse) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		h.mu.Lock()
		h.conns[c] = true
		table := h.table
		h.mu.Unlock()
		h.tell(c, Order{Table: &table})
		go h.follow(c)
	}
}

func (h *fakeHouse) tell(c net.Conn, o Order) {
	line, err := json.Marshal(o)
	if err != nil {
		h.t.Error(err)
	}
	_, _ = c.Write(append(line, '\n'))
}

func (h *fakeHouse) follow(c net.Conn) {
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		var w Word
		if err := json.Unmarshal(lines.Bytes(), &w); err != nil {
			h.t.Errorf("the router said %q", lines.Text())
			return
		}
		switch {
		case w.Hello != nil:
			h.hellos <- *w.Hello
		case w.Applied != 0:
			h.applied <- w.Applied
		case w.Ask != nil:
			h.tell(c, Order{Answer: h.answer(*w.Ask)})
		}
	}
}

func (h *fakeHouse) answer(q Ask) *Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asks = append(h.asks, q)
	a := Answer{}
	switch q.Kind {
	case AskHandover:
		if _, ok := h.sessions[AskSession+" "+q.Token]; ok {
			token := "handover-" + strconv.Itoa(len(h.asks))
			h.handed[token] = q.Token
			a = Answer{OK: true, Token: token}
		}
	case AskRedeem:
		if _, ok := h.handed[q.Token]; ok {
			delete(h.handed, q.Token)
			a = Answer{OK: true, Token: "visitor", MaxAge: 60, Session: SessionID("visitor")}
		}
	case AskUnit:
		a = Answer{OK: true, Unit: &UnitView{Name: q.Unit, State: "backing-off", Detail: "exited with 3", Log: []string{"<script>alert(1)</script>", "last words"}}}
	default:
		a = h.sessions[q.Kind+" "+q.Token]
	}
	a.ID = q.ID
	return &a
}

func (h *fakeHouse) asked(kind string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, q := range h.asks {
		if q.Kind == kind {
			n++
		}
	}
	return n
}

// publish sends the table with other mounts and waits until the router serves by it.
func (h *fakeHouse) publish(mounts ...Mount) {
	h.t.Helper()
	h.mu.Lock()
	h.table.Revision++
	h.table.Mounts = mounts
	table := h.table
	for c := range h.conns {
		h.tell(c, Order{Table: &table})
	}
	h.mu.Unlock()
	h.settle(table.Revision)
}

func (h *fakeHouse) settle(revision uint64) {
	h.t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case got := <-h.applied:
			if got >= revision {
				return
			}
		case <-deadline:
			h.t.Fatalf("the router did not apply table %d", revision)
		}
	}
}

func (h *fakeHouse) revoke(tokens ...string) {
	ids := make([]string, len(tokens))
	for i, token := range tokens {
		ids[i] = SessionID(token)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		h.tell(c, Order{Revoke: ids})
	}
}

// door runs a router against the house and serves it on a TCP port.
type door struct {
	*Router
	t      *testing.T
	house  *fakeHouse
	server *httptest.Server
}

func newDoor(t *testing.T) *door {
	t.Helper()
	h := newHouse(t)
	rt := New(Options{Socket: h.socket, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))})
	done := make(chan struct{})
	go func() {
		defer close(done)
		rt.Run(t.Context())
	}()
	server := httptest.NewUnstartedServer(rt)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		<-done
	})
	h.settle(1)
	return &door{Router: rt, t: t, house: h, server: server}
}

// request builds a request to one of the two hosts; header pairs follow.
func (d *door) request(method, target string, header ...string) *http.Request {
	d.t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		d.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.server.URL+"/", http.NoBody)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Host = u.Host
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = u.Path, u.RawPath, u.RawQuery
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

type reply struct {
	*http.Response
	body string
}

func (d *door) send(r *http.Request) reply {
	d.t.Helper()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		d.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		d.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return reply{res, string(body)}
}

func (d *door) get(target string, header ...string) reply {
	d.t.Helper()
	return d.send(d.request(http.MethodGet, target, header...))
}

// echoed is what an upstream saw.
type echoed struct {
	From, Method, Path, RawPath, Query, Host, Body string
	Header                                         http.Header
}

func echo(from string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(echoed{
			From: from, Method: r.Method, Path: r.URL.Path, RawPath: r.URL.EscapedPath(), Query: r.URL.RawQuery,
			Host: r.Host, Body: string(body), Header: r.Header,
		})
	}
}

func (r reply) seen(t *testing.T) echoed {
	t.Helper()
	var e echoed
	if err := json.Unmarshal([]byte(r.body), &e); err != nil {
		t.Fatalf("status %d, want an echo, got %.300q", r.StatusCode, r.body)
	}
	return e
}

// upstream serves on 127.0.0.1 and gives its port.
func upstream(t *testing.T, h http.Handler) int {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually polls until ok or the deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it did not happen: %s", what)
		}
	}
}

const (
	asOperator = "holdfast_session_8443=operator"
	asVisitor  = "holdfast_extension_8445=visitor"
	browser    = "text/html,application/xhtml+xml"
)
