// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/journal/journaltest"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/edge/auth"
	"holdfast/holdfasttest/need"
)

// roster is a mount source that tests change.
type roster struct {
	mu      sync.Mutex
	list    []holdfast.Mount
	changed chan struct{}
}

func newRoster() *roster { return &roster{changed: make(chan struct{})} }

func (r *roster) Mounts() []holdfast.Mount {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]holdfast.Mount{}, r.list...)
}

func (r *roster) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

func (r *roster) set(list ...holdfast.Mount) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = list
	close(r.changed)
	r.changed = make(chan struct{})
}

// keeper starts the declared edge as the supervisor would: descriptors from 3 up, a session of its
// own, and it goes on when the house is gone.
type keeper struct {
	t    *testing.T
	unit holdfast.Unit
	proc *exec.Cmd
	done chan error
	sets int
}

func (k *keeper) Set(_ context.Context, owner string, units []holdfast.Unit) error {
	if owner != "house" || len(units) != 1 || units[0].Name != UnitName {
		return fmt.Errorf("unexpected declaration by %s: %v", owner, units)
	}
	before := k.unit
	k.unit = units[0]
	k.sets++
	same := fmt.Sprint(before.Run, before.Env, before.Dir) == fmt.Sprint(k.unit.Run, k.unit.Env, k.unit.Dir)
	if k.running() && same {
		return nil
	}
	k.end(syscall.SIGTERM)
	if k.unit.Blocked != "" {
		return nil
	}
	return k.start()
}

func (k *keeper) start() error {
	fds, err := k.unit.Files()
	if err != nil {
		return err
	}
	// Not CommandContext: the edge outlives whoever started it.
	k.proc = exec.Command(k.unit.Run[0], k.unit.Run[1:]...)
	k.proc.Dir = k.unit.Dir
	k.proc.Env = []string{"HOME=" + k.unit.Dir, "PATH=" + os.Getenv("PATH")}
	for name, value := range k.unit.Env {
		k.proc.Env = append(k.proc.Env, name+"="+value)
	}
	for _, fd := range fds {
		copied, err := syscall.Dup(int(fd))
		if err != nil {
			return err
		}
		k.proc.ExtraFiles = append(k.proc.ExtraFiles, os.NewFile(uintptr(copied), "socket"))
	}
	log, err := os.OpenFile(filepath.Join(k.unit.Dir, "edge.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	k.proc.Stdout, k.proc.Stderr = log, log
	k.proc.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := k.proc.Start(); err != nil {
		return err
	}
	for _, f := range append(k.proc.ExtraFiles, log) {
		_ = f.Close()
	}
	done := make(chan error, 1)
	k.done = done
	proc := k.proc
	go func() { done <- proc.Wait() }()
	return nil
}

func (k *keeper) running() bool {
	return k.proc != nil && k.proc.ProcessState == nil && k.proc.Process.Signal(syscall.Signal(0)) == nil
}

func (k *keeper) end(signal syscall.Signal) error {
	if k.proc == nil {
		return nil
	}
	_ = k.proc.Process.Signal(signal)
	select {
	case err := <-k.done:
		k.proc = nil
		return err
	case <-time.After(time.Minute):
		_ = k.proc.Process.Kill()
		<-k.done
		k.proc = nil
		return fmt.Errorf("the edge did not end on %s", signal)
	}
}

func (k *keeper) log() string {
	text, _ := os.ReadFile(filepath.Join(k.unit.Dir, "edge.log"))
	return string(text)
}

// rig is a house with a real front door.
type rig struct {
	*Edge
	t      *testing.T
	home   home.Home
	store  *store.Store
	auth   *auth.Auth
	roster *roster
	keeper *keeper
	book   *journaltest.Journal
	binary string
	listen string
	keyed  bool // asks for the page key on reads too

	served *http.Server
	ended  chan struct{}
	cancel context.CancelFunc
}

func newRig(t *testing.T, binary string) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	h := home.At(dir)
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, home: h, roster: newRoster(), keeper: &keeper{t: t}, book: &journaltest.Journal{}, binary: binary, listen: need.Address(t)}
	r.store = storetest.SQLite(t, []store.Migration{{Package: "auth", FS: mustSub(t, auth.New(auth.Options{}).Capability().Migrations)}})
	t.Cleanup(func() {
		if err := r.keeper.end(syscall.SIGTERM); err != nil {
			t.Errorf("the edge ended badly: %v\n%s", err, r.keeper.log())
		}
		if t.Failed() {
			t.Logf("edge log:\n%s", r.keeper.log())
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return r
}

func mustSub(t *testing.T, f fs.FS) fs.FS {
	sub, err := fs.Sub(f, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// up starts the house's half of the door: the logins, the line to the edge, its HTTP socket.
func (r *rig) up() {
	r.t.Helper()
	log := slog.New(slog.NewTextHandler(r.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	r.auth = auth.New(auth.Options{Store: r.store, Journal: r.book, Log: log, KeyedReads: r.keyed})
	r.Edge = New(Options{
		Home: r.home, Auth: r.auth, Units: r.keeper, Mounts: r.roster, Journal: r.book, Binary: r.binary, Log: log,
		Status: func(unit string) (holdfast.UnitStatus, bool) {
			return holdfast.UnitStatus{Name: unit, State: holdfast.UnitFailed, Detail: "exited with 7"}, true
		},
		Tail: func(context.Context, string, int) ([]string, error) { return []string{"the last line"}, nil },
	})
	r.settings.Listen = r.listen
	mux := http.NewServeMux()
	for _, route := range r.auth.Capability().Routes {
		mux.Handle(route.Pattern, route.Handler)
	}
	mux.HandleFunc("/", r.hub)
	l, err := r.home.Listen("edge")
	if err != nil {
		r.t.Fatal(err)
	}
	r.served = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = r.served.Serve(l) }()
	ctx, cancel := context.WithCancel(context.Background())
	if err := r.start(ctx); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan struct{})
	r.cancel, r.ended = cancel, ended
	go func() {
		defer close(ended)
		_ = r.run(ctx)
	}()
	r.t.Cleanup(r.down)
}

// hub answers as the house would: the control API to who is known, pages to everybody.
func (r *rig) hub(w http.ResponseWriter, q *http.Request) {
	if strings.HasPrefix(q.URL.Path, "/api/") {
		caller, err := r.auth.Identify(q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		if caller.Kind == holdfast.CallerNobody {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
	}
	if strings.HasSuffix(q.URL.Path, "/follow") {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {}\n\n")
		return
	}
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, "<!doctype html><title>hub</title>"+strings.Repeat("hub ", 1000))
}

// down is a house that is gone; the edge goes on.
func (r *rig) down() {
	r.cancel()
	<-r.ended
	if err := r.stop(context.Background()); err != nil {
		r.t.Error(err)
	}
	_ = r.served.Close()
}

func (r *rig) settle() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	if err := r.Settled(ctx); err != nil {
		r.t.Fatalf("%v\n%s", err, r.keeper.log())
	}
}

// mount sets the mounts and waits until the edge serves by them.
func (r *rig) mount(list ...holdfast.Mount) {
	r.t.Helper()
	r.roster.set(list...)
	r.Refresh()
	r.settle()
}

// browse is a client with a cookie jar, logged in by a one-time link.
func (r *rig) browse() *http.Client {
	r.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: 30 * time.Second}
	link, err := r.auth.NewLink(r.t.Context(), "/")
	if err != nil {
		r.t.Fatal(err)
	}
	u, err := url.Parse(link.URL)
	if err != nil {
		r.t.Fatal(err)
	}
	body := strings.NewReader(u.Query().Encode())
	status, text := r.do(client, http.MethodPost, r.URL()+"/auth/link", body, "Content-Type", "application/x-www-form-urlencoded", "Origin", r.URL())
	var out struct {
		CSRF string `json:"csrf"`
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil || status != http.StatusOK || out.CSRF == "" {
		r.t.Fatalf("cannot log in: %d %s", status, text)
	}
	return client
}

func (r *rig) do(client *http.Client, method, target string, body io.Reader, header ...string) (int, string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), stillFor)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		r.t.Errorf("%s %s: %v", method, target, err)
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Errorf("%s %s: %v", method, target, err)
	}
	return response.StatusCode, string(text)
}

// notes is an extension's server: pages, events, an echoing WebSocket.
func notes(t *testing.T) int {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", fmt.Sprint(r.URL.Path, " ", r.Header.Get("X-Holdfast-User"), " ", r.Header.Get("Cookie")))
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "notes")
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(w, "data: %d\n\n", i); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("/socket", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		for {
			kind, data, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, data) != nil {
				return
			}
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	_, text, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
