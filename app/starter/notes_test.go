// SPDX-License-Identifier: Apache-2.0

package starter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/holdfasttest/need"
)

// notes is the example extension of a fresh home, with its data elsewhere.
func notes(t *testing.T) (dir string, env []string) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		need.Missing(t, "there is no python3")
	}
	home := filepath.Join(t.TempDir(), "home")
	if _, err := Write(home, Models{}); err != nil {
		t.Fatal(err)
	}
	env = append(os.Environ(), "HOLDFAST_DATA="+filepath.Join(t.TempDir(), "data"), "PYTHONDONTWRITEBYTECODE=1")
	return filepath.Join(home, "extensions", "notes"), env
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// A served is a start.sh that runs.
type served struct {
	*testing.T
	base  string
	cmd   *exec.Cmd
	ended chan error // closed after it
}

func serve(t *testing.T, script string, env []string, ready string) *served {
	t.Helper()
	port := freePort(t)
	s := &served{T: t, base: fmt.Sprintf("http://127.0.0.1:%d", port), ended: make(chan error, 1)}
	s.cmd = exec.Command(script, strconv.Itoa(port))
	s.cmd.Env = env
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	s.cmd.Stdout, s.cmd.Stderr = &said, &said
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		s.ended <- s.cmd.Wait()
	}()
	t.Cleanup(func() {
		select {
		case <-s.ended:
		default:
			_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
			<-s.ended
		}
	})
	s.until(ready, &said)
	return s
}

func (s *served) until(path string, said *bytes.Buffer) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
		if err != nil {
			s.Fatal(err)
		}
		if answer, err := client().Do(request); err == nil {
			_ = answer.Body.Close()
			return
		}
		select {
		case err := <-s.ended:
			s.Fatalf("it ended: %v\n%s", err, said)
		case <-ctx.Done():
			s.Fatal("it did not get ready")
		case <-again.C:
		}
	}
}

// in is the same for a part of a test.
func (s *served) in(t *testing.T) *served {
	part := *s
	part.T = t
	return &part
}

// ask sends a request and returns status, header and body.
func (s *served) ask(method, path, kind, body string) (int, http.Header, string) {
	s.Helper()
	status, header, said, err := s.try(method, path, kind, body)
	if err != nil {
		s.Fatal(err)
	}
	return status, header, said
}

// try is ask for those who may not end the test.
func (s *served) try(method, path, kind, body string) (int, http.Header, string, error) {
	request, err := http.NewRequestWithContext(s.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	answer, err := client().Do(request)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, string(text), err
}

// stop sends TERM and wants a quick, clean end.
func (s *served) stop() {
	s.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.Fatal(err)
	}
	select {
	case err := <-s.ended:
		if err != nil {
			s.Errorf("it ended with %v", err)
		}
	case <-time.After(time.Minute):
		s.Error("it did not end on TERM")
	}
}

const asJSON = "application/json"

func note(text string) string {
	raw, _ := json.Marshal(map[string]string{"text": text})
	return string(raw)
}

func TestNotesService(t *testing.T) {
	dir, env := notes(t)
	s := serve(t, filepath.Join(dir, "services", "backend", "start.sh"), env, "/healthz")
	tests := []struct {
		name, method, path, kind, body string
		status                         int
		says                           string
	}{
		{"health", "GET", "/healthz", "", "", 200, `"status": "ok"`},
		{"none yet", "GET", "/", "", "", 200, `{"notes": []}`},
		{"add", "POST", "/", asJSON, note("Der Schlüssel liegt beim NACHBARN 🗝\r\nzweite Zeile"), 201, `"id": 1, "text": "Der Schlüssel liegt beim NACHBARN 🗝\nzweite Zeile"`},
		{"add by escapes", "POST", "/", asJSON + "; charset=utf-8", `{"text": "caf\u0065\u0301 100% _done_ 'q' --"}`, 201, "café 100%"},
		{"search without case", "GET", "/?q=SCHL%C3%9CSSEL+nachbarn", "", "", 200, `"id": 1`},
		{"search composed", "GET", "/?q=CAF%C3%89", "", "", 200, `"id": 2`},
		{"search is no pattern", "GET", "/?q=%25x", "", "", 200, `{"notes": []}`},
		{"search finds a percent sign", "GET", "/?q=100%25", "", "", 200, `"id": 2`},
		{"search takes quotes", "GET", "/?q=%27q%27+--", "", "", 200, `"id": 2`},
		{"one", "GET", "/1", "", "", 200, `"id": 1`},
		{"limit", "GET", "/?limit=1", "", "", 200, `{"notes": [{"id": 2`},
		{"page", "GET", "/?limit=5&before=2", "", "", 200, `{"notes": [{"id": 1`},
		{"not there", "GET", "/9", "", "", 404, "there is no note 9"},
		{"no such path", "GET", "/../../etc/passwd", "", "", 404, "nothing here"},
		{"huge id", "GET", "/99999999999999999999999", "", "", 404, "nothing here"},
		{"id beyond", "GET", "/9999999999999999999", "", "", 400, "id must be from 1"},
		{"limit of words", "GET", "/?limit=many", "", "", 400, "limit must be a whole number"},
		{"limit too high", "GET", "/?limit=100000", "", "", 400, "limit must be from 1 to 200"},
		{"query too long", "GET", "/?q=" + strings.Repeat("a", 501), "", "", 400, "the limit is 500"},
		{"too many words", "GET", "/?q=" + strings.Repeat("a+", 17), "", "", 400, "the limit is 16"},
		{"control character", "GET", "/?q=%00", "", "", 400, "U+0000"},
		{"a form", "POST", "/", "application/x-www-form-urlencoded", "text=x", 415, "application/json"},
		{"no kind", "POST", "/", "", note("x"), 415, "application/json"},
		{"not JSON", "POST", "/", asJSON, "{", 400, "not JSON"},
		{"deep JSON", "POST", "/", asJSON, strings.Repeat("[", 100_000), 400, "not JSON"},
		{"not UTF-8", "POST", "/", asJSON, "{\"text\": \"\xff\"}", 400, "not JSON"},
		{"a list", "POST", "/", asJSON, "[]", 400, `send {\"text\"`},
		{"text a number", "POST", "/", asJSON, `{"text": 1}`, 400, "must be a string"},
		{"empty", "POST", "/", asJSON, note(" \n\t "), 400, "is empty"},
		{"NUL", "POST", "/", asJSON, `{"text": "a\u0000b"}`, 400, "U+0000"},
		{"half a character", "POST", "/", asJSON, `{"text": "a\ud83d"}`, 400, "half a character"},
		{"too long", "POST", "/", asJSON, note(strings.Repeat("ä", 20_001)), 400, "the limit is 20000"},
		{"body too large", "POST", "/", asJSON, note(strings.Repeat("a", 3_000_000)), 413, "larger than"},
		{"just right", "POST", "/", asJSON, note(strings.Repeat("🗝", 20_000)), 201, `"id": 3`},
		{"delete", "DELETE", "/3", "", "", 200, `"deleted"`},
		{"delete again", "DELETE", "/3", "", "", 404, "there is no note 3"},
		{"delete all", "DELETE", "/", "", "", 404, "nothing here"},
		{"an id is not used twice", "POST", "/", asJSON, note("next"), 201, `"id": 4`},
		{"another method", "PUT", "/1", asJSON, note("x"), 501, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, header, said := s.in(t).ask(test.method, test.path, test.kind, test.body)
			if status != test.status || !strings.Contains(said, test.says) {
				t.Errorf("%d %s, want %d with %s", status, said, test.status, test.says)
			}
			if header.Get("Access-Control-Allow-Origin") != "" {
				t.Error("other origins may read it")
			}
		})
	}
	s.stop()
}

// Who sends a refused body in many small parts sees the refusal, too, and is not cut off.
func TestNotesHearOutASlowSender(t *testing.T) {
	dir, env := notes(t)
	s := serve(t, filepath.Join(dir, "services", "backend", "start.sh"), env, "/healthz")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	const parts = 200
	part := strings.Repeat("a", 2000)
	if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: notes\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", parts*len(part)); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for i := range parts {
		<-tick.C
		if _, err := io.WriteString(conn, part); err != nil {
			t.Fatalf("cut off at part %d: %v", i, err)
		}
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(said), "HTTP/1.1 413 ") || !strings.Contains(string(said), "larger than") {
		t.Errorf("%v\n%s", err, said)
	}
	s.stop()
}

// Tools and service write at once, from many processes and threads: every acknowledged note is
// there, once.
func TestNotesManyAtOnce(t *testing.T) {
	dir, env := notes(t)
	s := serve(t, filepath.Join(dir, "services", "backend", "start.sh"), env, "/healthz")
	const writers, each = 4, 15
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				if status, _, said, err := s.try("POST", "/", asJSON, note(fmt.Sprintf("service %d %d", w, i))); status != 201 || err != nil {
					t.Errorf("%d %s %v", status, said, err)
				}
			}
		})
		group.Go(func() {
			code := fmt.Sprintf("import json, notes_tools\nfor i in range(%d):\n    ok, said = notes_tools.NOTES_add(f'tool %d {i}')\n    assert ok, said", each, w)
			if out, err := python(t, dir, env, code); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	group.Wait()
	seen := map[string]bool{}
	for before := ""; ; {
		_, _, said := s.ask("GET", "/?limit=50"+before, "", "")
		var page struct {
			Notes []struct {
				ID   int
				Text string
			}
		}
		if err := json.Unmarshal([]byte(said), &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Notes) == 0 {
			break
		}
		for _, n := range page.Notes {
			if seen[n.Text] {
				t.Errorf("%s is there twice", n.Text)
			}
			seen[n.Text] = true
			before = fmt.Sprintf("&before=%d", n.ID)
		}
	}
	if len(seen) != 2*writers*each {
		t.Errorf("%d notes, want %d", len(seen), 2*writers*each)
	}
	s.stop()
}

func python(t *testing.T, dir string, env []string, code string) (string, error) {
	cmd := exec.CommandContext(t.Context(), "python3", "-c", code)
	cmd.Dir = filepath.Join(dir, "tools")
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestNotesTools(t *testing.T) {
	dir, env := notes(t)
	const code = `
import inspect, json
import notes_tools as n

def call(tool, **args):
    ok, text = tool(**args)
    assert isinstance(ok, bool) and isinstance(text, str)
    return ok, json.loads(text)

assert [t.__name__ for t in n.TOOLS] == ["NOTES_add", "NOTES_list", "NOTES_search", "NOTES_delete"]
assert isinstance(n.SYSTEM_PROMPT, str)
for tool in n.TOOLS:
    assert all(p.annotation is not inspect.Parameter.empty for p in inspect.signature(tool).parameters.values())
    for part in ("Example Prompt:", "Example Response:", "Example Args:"):
        assert part in tool.__doc__, (tool, part)
    example = tool.__doc__.split("Example Args:")[1].strip()
    inspect.signature(tool).bind(**json.loads(example))
    json.loads(tool.__doc__.split("Example Response:")[1].split("Example Args:")[0])

ok, said = call(n.NOTES_add, text="Milch kaufen 🥛")
assert ok and said["note"]["id"] == 1, said
assert call(n.NOTES_list) == (True, {"count": 1, "notes": [said["note"]]})
assert call(n.NOTES_search, query="MILCH")[1]["notes"][0]["id"] == 1
assert call(n.NOTES_search, query="brot") == (True, {"notes": []})
for bad in (dict(text=""), dict(text=None), dict(text=7), dict(text="a" * 10**7), dict(text="\x00"), dict(text="\ud800")):
    ok, said = call(n.NOTES_add, **bad)
    assert not ok and said["error"], bad
for bad in (0, -1, 2**63, "1", True, None, 1.0):
    ok, said = call(n.NOTES_delete, id=bad)
    assert not ok and said["error"], bad
assert call(n.NOTES_list, limit=0)[0] is False
assert call(n.NOTES_delete, id=1)[1]["deleted"]["text"] == "Milch kaufen 🥛"
ok, said = call(n.NOTES_delete, id=1)
assert not ok and "no note 1" in said["error"]
print("good")
`
	if out, err := python(t, dir, env, code); err != nil || strings.TrimSpace(out) != "good" {
		t.Errorf("%v\n%s", err, out)
	}
	// What is no database is said, and left as it is.
	broken := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(broken, 0o700); err != nil {
		t.Fatal(err)
	}
	junk := bytes.Repeat([]byte("junk"), 1000)
	if err := os.WriteFile(filepath.Join(broken, "notes.db"), junk, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := python(t, dir, append(env, "HOLDFAST_DATA="+broken), "import notes_tools as n; print(n.NOTES_list())")
	if err != nil || !strings.Contains(out, "False") || !strings.Contains(out, "cannot be reached") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNotesPage(t *testing.T) {
	dir, env := notes(t)
	s := serve(t, filepath.Join(dir, "ui", "start.sh"), env, "/")
	status, header, page := s.ask("GET", "/", "", "")
	if status != 200 || !strings.Contains(page, "<title>Notes</title>") || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %s", status, page)
	}
	if policy := header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
	for _, path := range []string{"/notes.js", "/notes.css", "/index.html", "/?x=1"} {
		if status, _, _ := s.ask("GET", path, "", ""); status != 200 {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, path := range []string{"/serve.py", "/../serve.py", "/..%2fserve.py", "/public/index.html", "//etc/passwd"} {
		if status, _, _ := s.ask("GET", path, "", ""); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
	s.stop()
}

func TestStartWithoutAPort(t *testing.T) {
	dir, env := notes(t)
	for _, script := range []string{"ui/start.sh", "services/backend/start.sh"} {
		for _, args := range [][]string{nil, {"x"}, {"0"}, {"70000"}} {
			cmd := exec.CommandContext(t.Context(), filepath.Join(dir, script), args...)
			cmd.Env = env
			if out, err := cmd.CombinedOutput(); err == nil {
				t.Errorf("%s %v ran: %s", script, args, out)
			}
		}
	}
}

func client() *http.Client { return &http.Client{Timeout: 20 * time.Second} }
