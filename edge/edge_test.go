// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"holdfast"
	"holdfast/holdfasttest/need"
)

// TestRealEdge runs the real program with the real Caddy.
func TestRealEdge(t *testing.T) {
	if testing.Short() {
		t.Skip("builds Caddy")
	}
	binary, err := need.Edge()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]func(*testing.T, *rig){
		"serves":               testServes,
		"drops nothing":        testDropsNothing,
		"outlives the house":   testOutlivesTheHouse,
		"ends when told":       testEndsWhenTold,
		"moves when told":      testMoves,
		"says why a unit died": testSaysWhy,
		"resists in a browser": testResists,
	} {
		t.Run(name, func(t *testing.T) { test(t, newRig(t, binary)) })
	}
}

func ui(port int) holdfast.Mount {
	return holdfast.Mount{Path: "/ext/notes/", Unit: "notes.ui", Port: port, StripPrefix: true, TrailingSlash: true, OwnOrigin: true}
}

func api(port int) holdfast.Mount {
	return holdfast.Mount{Path: "/api/notes/", Unit: "notes.api", Port: port}
}

func testServes(t *testing.T, r *rig) {
	began := time.Now()
	r.up()
	r.settle()
	t.Logf("the front door stood %s after it was declared", time.Since(began).Round(time.Millisecond))
	port := notes(t)
	r.mount(ui(port), api(port))
	t.Logf("resident: %s", resident(r.keeper.proc.Process.Pid))
	me := r.browse()
	response, err := me.Get(r.URL() + "/ext/notes")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Request.URL.String() != r.ExtensionURL()+"/ext/notes/" || response.Header.Get("X-Seen") != "/ operator" {
		t.Errorf("%d at %s, the extension saw %q", response.StatusCode, response.Request.URL, response.Header.Get("X-Seen"))
	}
	if response.Header.Get("Server") != "" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", response.Header)
	}
	for target, want := range map[string]int{
		r.URL() + "/":                             http.StatusOK,
		r.URL() + "/api/v1/unit/list":             http.StatusOK,
		r.URL() + "/api/notes/":                   http.StatusOK,
		r.ExtensionURL() + "/api/notes/":          http.StatusOK,
		r.ExtensionURL() + "/api/v1/unit/list":    http.StatusNotFound,
		r.ExtensionURL() + "/auth/me":             http.StatusNotFound,
		"http://localhost:" + port0(r) + "/ext/x": http.StatusOK, // the alias leads home, and the house answers
	} {
		if status, text := r.do(me, http.MethodGet, target, http.NoBody); status != want {
			t.Errorf("%s: %d, want %d: %.200s", target, status, want, text)
		}
	}
	if status, _ := r.do(me, http.MethodPost, r.URL()+"/api/v1/unit/stop", http.NoBody); status != http.StatusForbidden {
		t.Errorf("a change without the page key: %d", status)
	}
	nobody := &http.Client{}
	if status, _ := r.do(nobody, http.MethodGet, r.URL()+"/api/notes/", http.NoBody); status != http.StatusUnauthorized {
		t.Errorf("an extension's service without login: %d", status)
	}
	if status, text := r.do(nobody, http.MethodGet, r.URL()+"/ext/notes/", http.NoBody, "Accept", "text/html"); !strings.Contains(text, "holdfast link") {
		t.Errorf("an extension's page without login: %d %.200s", status, text)
	}
	testCompression(t, r)
	if info, err := os.Stat(r.home.Var("run", "edge-admin.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("admin socket: %v %v", info, err)
	}
	out, err := r.showConfig(t.Context(), struct{}{})
	if err != nil || !out.Connected || out.Applied != out.Revision || len(out.Table.Mounts) != 2 {
		t.Errorf("%+v %v", out, err)
	}
}

func port0(r *rig) string { return port(r.doors.addresses().Hub) }

func testCompression(t *testing.T, r *rig) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL()+"/auth/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	plain, err := gzip.NewReader(response.Body)
	if err != nil || response.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v %v", response.Header, err)
	}
	if text, err := io.ReadAll(plain); err != nil || !strings.Contains(string(text), "hub hub") {
		t.Errorf("%.100s %v", text, err)
	}
}

func resident(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

// stillFor is how long one wait may last, so that what stands still is told instead of ending with the
// whole run.
const stillFor = time.Minute

var errStill = errors.New("it stood still")

// flow keeps sockets, streams and plain requests busy until stop; whatever is cut is an error.
type flow struct {
	r                      *rig
	door                   string // the extensions' origin, which stays when the house is another
	me                     *http.Client
	stop                   chan struct{}
	wait                   sync.WaitGroup
	sockets, events, plain atomic.Int64
}

func (f *flow) stopped() bool {
	select {
	case <-f.stop:
		return true
	default:
		return false
	}
}

func (f *flow) talk() {
	ctx, cancel := context.WithTimeout(context.Background(), stillFor)
	defer cancel()
	c, response, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(f.door, "http")+"/ext/notes/socket", &websocket.DialOptions{
		HTTPClient: f.me, HTTPHeader: http.Header{"Origin": {f.door}},
	})
	if err != nil {
		f.r.t.Errorf("no socket: %v %v", response, err)
		return
	}
	defer func() { _ = c.CloseNow() }()
	for i := 0; !f.stopped(); i++ {
		if err := echo(c, fmt.Sprint("line ", i)); err != nil {
			f.r.t.Errorf("socket cut at %d: %v", i, err)
			return
		}
		f.sockets.Add(1)
	}
}

func echo(c *websocket.Conn, want string) error {
	ctx, cancel := context.WithTimeout(context.Background(), stillFor)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageText, []byte(want)); err != nil {
		return err
	}
	_, got, err := c.Read(ctx)
	if err == nil && string(got) != want {
		err = fmt.Errorf("the echo is %q", got)
	}
	return err
}

func (f *flow) listen() {
	client := &http.Client{Jar: f.me.Jar}
	ctx, cancel := context.WithCancelCause(context.Background())
	still := time.AfterFunc(stillFor, func() { cancel(errStill) })
	defer still.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.door+"/ext/notes/events", http.NoBody)
	if err != nil {
		f.r.t.Error(err)
		return
	}
	response, err := client.Do(request)
	if err != nil {
		f.r.t.Errorf("no stream: %v", err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	for i := 0; !f.stopped(); i++ {
		if !lines.Scan() || lines.Text() != fmt.Sprint("data: ", i) || !lines.Scan() {
			f.r.t.Errorf("stream cut at event %d: %q %v %v", i, lines.Text(), lines.Err(), context.Cause(ctx))
			return
		}
		still.Reset(stillFor)
		f.events.Add(1)
	}
}

func (f *flow) fetch() {
	for !f.stopped() {
		if status, text := f.r.do(f.me, http.MethodGet, f.door+"/ext/notes/", http.NoBody); status != http.StatusOK || text != "notes" {
			f.r.t.Errorf("a plain request was dropped: %d %.200s", status, text)
			return
		}
		f.plain.Add(1)
	}
}

func (r *rig) flow() *flow {
	r.t.Helper()
	f := &flow{r: r, door: r.ExtensionURL(), me: r.browse(), stop: make(chan struct{})}
	if status, text := r.do(f.me, http.MethodGet, r.URL()+"/ext/notes/", http.NoBody); status != http.StatusOK || text != "notes" {
		r.t.Fatalf("%d %s", status, text)
	}
	for range 10 {
		f.wait.Go(f.talk)
		f.wait.Go(f.listen)
	}
	for range 4 {
		f.wait.Go(f.fetch)
	}
	f.more()
	return f
}

// more waits until more traffic of each kind has gone through.
func (f *flow) more() {
	f.r.t.Helper()
	s, e, p := f.sockets.Load(), f.events.Load(), f.plain.Load()
	deadline := time.After(stillFor)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for f.sockets.Load() < s+50 || f.events.Load() < e+50 || f.plain.Load() < p+50 {
		select {
		case <-tick.C:
		case <-deadline:
			f.r.t.Fatalf("traffic stands still: %d %d %d", f.sockets.Load()-s, f.events.Load()-e, f.plain.Load()-p)
		}
	}
}

func (f *flow) end() {
	close(f.stop)
	f.wait.Wait()
}

func testDropsNothing(t *testing.T, r *rig) {
	const changes = 1000
	r.up()
	ports := []int{notes(t), notes(t)}
	r.mount(ui(ports[0]))
	f := r.flow()
	s, e, p := f.sockets.Load(), f.events.Load(), f.plain.Load()
	for i := range changes {
		list := []holdfast.Mount{ui(ports[i%2])}
		for j := range 1 + i%20 {
			list = append(list, holdfast.Mount{Path: fmt.Sprintf("/ext/other%d/", j), Unit: "other", Port: 1000 + i, OwnOrigin: true})
		}
		r.mount(list...)
	}
	for os.Getenv("HOLDFAST_LONG") != "" && f.plain.Load()-p < 100_000 && !t.Failed() {
		r.mount(ui(ports[f.plain.Load()%2]))
	}
	t.Logf("%d route changes and more: %d messages over sockets, %d events, %d plain requests, none dropped", changes, f.sockets.Load()-s, f.events.Load()-e, f.plain.Load()-p)
	f.more()
	f.end()
}

func testOutlivesTheHouse(t *testing.T, r *rig) {
	r.up()
	r.mount(ui(notes(t)))
	f := r.flow()
	pid, at := r.keeper.proc.Process.Pid, r.doors.addresses()
	r.down()
	f.more()
	if status, text := r.do(&http.Client{}, http.MethodGet, "http://"+at.Hub+"/units", http.NoBody, "Accept", "text/html"); status != http.StatusServiceUnavailable ||
		!strings.Contains(text, "One moment") {
		t.Errorf("%d %.200s", status, text)
	}
	r.up()
	r.settle()
	if got := r.doors.addresses(); got != at || r.keeper.proc.Process.Pid != pid || r.doors.files != nil {
		t.Errorf("not the same edge: %+v, %+v before", got, at)
	}
	f.more()
	f.end()
	if status, _ := r.do(f.me, http.MethodGet, r.URL()+"/api/v1/unit/list", http.NoBody); status != http.StatusOK {
		t.Errorf("the session is gone: %d", status)
	}
	// An edge that dies after it was adopted is started again at the same addresses.
	if err := r.keeper.end(syscall.SIGKILL); err == nil {
		t.Error("it was not killed")
	}
	if err := r.keeper.start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { lines, _, applied, _ := r.exchange.standing(); return lines == 1 && applied > 0 })
	if status, text := r.do(f.me, http.MethodGet, r.ExtensionURL()+"/ext/notes/", http.NoBody); status != http.StatusOK || text != "notes" {
		t.Errorf("%d %.200s", status, text)
	}
	// A logout reaches it.
	list, err := r.auth.Sessions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if _, err := r.auth.End(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool {
		status, _ := r.do(f.me, http.MethodGet, r.ExtensionURL()+"/ext/notes/", http.NoBody)
		return status == http.StatusUnauthorized
	})
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not happen")
		}
	}
}

func testEndsWhenTold(t *testing.T, r *rig) {
	r.up()
	r.mount(ui(notes(t)))
	me := r.browse()
	if status, _ := r.do(me, http.MethodGet, r.URL()+"/ext/notes/", http.NoBody); status != http.StatusOK {
		t.Fatal(status)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.ExtensionURL()+"/ext/notes/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := me.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	began := time.Now()
	if err := r.keeper.end(syscall.SIGTERM); err != nil {
		t.Errorf("with a stream open: %v", err)
	}
	t.Logf("ended after %s with a stream open", time.Since(began).Round(time.Millisecond))
	// The house still holds the sockets: a connection waits for the next edge.
	type outcome struct {
		status int
		text   string
	}
	answered := make(chan outcome, 1)
	go func() {
		status, text := r.do(&http.Client{}, http.MethodGet, r.URL()+"/auth/login", http.NoBody)
		answered <- outcome{status, text}
	}()
	if err := r.keeper.start(); err != nil {
		t.Fatal(err)
	}
	if got := <-answered; got.status != http.StatusOK && got.status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", got.status, got.text)
	}
	r.settle()
}

func testMoves(t *testing.T, r *rig) {
	taken, err := net.Listen("tcp", r.listen)
	if err != nil {
		t.Fatal(err)
	}
	r.up()
	r.settle()
	first := r.doors.addresses()
	if first.Hub == r.listen || first.Wanted != r.listen {
		t.Fatalf("%+v", first)
	}
	noted := slices.ContainsFunc(r.book.Entries(), func(e holdfast.Entry) bool { return e.Action == "edge.listen" && e.Subject == first.Hub })
	if !noted {
		t.Errorf("not journaled: %+v", r.book.Entries())
	}
	_ = taken.Close()
	r.down()
	if err := r.keeper.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	r.up()
	r.settle()
	if again := r.doors.addresses(); again != first {
		t.Errorf("%+v, %+v before", again, first)
	}
	// Another address in the configuration is served by a new edge.
	pid := r.keeper.proc.Process.Pid
	r.down()
	r.listen = need.Address(t)
	r.up()
	r.settle()
	if at := r.doors.addresses(); at.Hub != r.listen || r.keeper.proc.Process.Pid == pid {
		t.Errorf("%+v", at)
	}
	if status, _ := r.do(&http.Client{}, http.MethodGet, "http://"+r.listen+"/auth/login", http.NoBody); status != http.StatusOK {
		t.Error(status)
	}
}

func testSaysWhy(t *testing.T, r *rig) {
	r.up()
	gone := need.Address(t)
	m := ui(0)
	if _, err := fmt.Sscanf(port(gone), "%d", &m.Port); err != nil {
		t.Fatal(err)
	}
	r.mount(m)
	status, text := r.do(r.browse(), http.MethodGet, r.URL()+"/ext/notes/", http.NoBody, "Accept", "text/html")
	for _, want := range []string{"notes.ui does not answer", "failed", "exited with 7", "the last line"} {
		if status != http.StatusServiceUnavailable || !strings.Contains(text, want) {
			t.Errorf("%d, %q is missing in %s", status, want, text)
		}
	}
}

// testResists runs the hostile extension of test/browser against the real edge in a real browser.
func testResists(t *testing.T, r *rig) {
	suite, err := filepath.Abs("../test/browser")
	if err != nil {
		t.Fatal(err)
	}
	for _, needed := range []string{filepath.Join(suite, "node_modules", "playwright-core"), "/usr/bin/chromium"} {
		if _, err := os.Stat(needed); err != nil {
			need.Missing(t, "no browser here: "+err.Error())
		}
	}
	r.keyed = true
	r.up()
	_, number, err := net.SplitHostPort(need.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), filepath.Join(suite, "hostile", "ui", "start.sh"), number)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	m := holdfast.Mount{Path: "/ext/hostile/", Unit: "hostile.ui", StripPrefix: true, TrailingSlash: true, OwnOrigin: true}
	if _, err := fmt.Sscan(number, &m.Port); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+number)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	r.mount(m)
	link, err := r.auth.NewLink(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	browser := exec.CommandContext(ctx, "node", filepath.Join(suite, "hostile.mjs"))
	browser.Env = append(os.Environ(), "HOLDFAST_URL="+r.URL(), "HOLDFAST_LINK="+link.URL, "HOLDFAST_KEYED=1")
	browser.WaitDelay = 10 * time.Second // Chromium may hold the pipes
	out, err := browser.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
