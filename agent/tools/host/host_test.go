// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/holdfasttest/need"
	"holdfast/holdfasttest/timing"
)

// debianPython is the system's own Python, which has Debian's packages.
const debianPython = "/usr/bin/python3"

// a rawHost is the Python host spoken to without a client.
type rawHost struct {
	in      io.WriteCloser
	answers chan string
	command *exec.Cmd
	number  int
	said    []message // that were read while an answer was waited for
	log     *logged
}

// a message is what the host says: an answer or a notification.
type message struct {
	ID     any             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// an answer is the result of a tool.
type answer struct {
	Content []struct {
		Text string `json:"text"`
	} `json:"content"`
	Failed     bool            `json:"isError"`
	Structured json.RawMessage `json:"structuredContent"`
	Meta       json.RawMessage `json:"_meta"`
}

func (a answer) text() string {
	if len(a.Content) == 0 {
		return ""
	}
	return a.Content[0].Text
}

// logged keeps what a process writes.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps the newest.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len() > 4<<20 {
		l.text.Reset()
	}
	return l.text.Write(p)
}

// String is all that was kept.
func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func startHost(t testing.TB) *rawHost {
	t.Helper()
	return hostOf(t, "python3", map[string]string{"x_tools.py": "def echo(text: str = ''): return text\nTOOLS = [echo]"})
}

// hostOf starts the host over an extension's files, with more variables.
func hostOf(t testing.TB, python string, files map[string]string, env ...string) *rawHost {
	t.Helper()
	return hostAt(t, ".", python, files, env...)
}

// hostAt starts the program that lies in a folder.
func hostAt(t testing.TB, program, python string, files map[string]string, env ...string) *rawHost {
	t.Helper()
	dir := t.TempDir()
	var modules []string
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_tools.py") || filepath.Base(name) == "agent.py" {
			modules = append(modules, path)
		}
	}
	slices.Sort(modules)
	h := &rawHost{answers: make(chan string, 100), log: &logged{}}
	h.command = exec.CommandContext(t.Context(), python, append([]string{"-I", "-B", "-u", program, "x", dir}, modules...)...)
	h.command.Env = append(os.Environ(), env...)
	h.command.Stderr = h.log
	h.start(t)
	return h
}

func (h *rawHost) start(t testing.TB) {
	t.Helper()
	var err error
	if h.in, err = h.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := h.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.command.WaitDelay = 10 * time.Second
	if err := h.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(h.answers)
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			h.answers <- line
		}
	}()
	t.Cleanup(func() {
		_ = h.in.Close()
		go func() {
			for range h.answers { // so that it can write its last words
			}
		}()
		_ = h.command.Wait()
	})
}

func (h *rawHost) send(t testing.TB, line string) {
	t.Helper()
	if _, err := io.WriteString(h.in, line+"\n"); err != nil {
		t.Fatalf("the host is gone: %v", err)
	}
}

// ping asks with an id of its own and reads until its answer: the host still lives and speaks.
func (h *rawHost) ping(t testing.TB) (before []string) {
	t.Helper()
	h.send(t, `{"jsonrpc":"2.0","id":"the ping","method":"ping"}`)
	for {
		line := h.line(t)
		if !json.Valid([]byte(line)) {
			t.Fatalf("the host wrote %q", line)
		}
		if strings.Contains(line, `"the ping"`) {
			return before
		}
		before = append(before, line)
	}
}

func (h *rawHost) line(t testing.TB) string {
	t.Helper()
	select {
	case line, ok := <-h.answers:
		if !ok {
			t.Fatalf("the host ended:\n%s", h.log)
		}
		return line
	case <-time.After(time.Minute):
		t.Fatalf("the host does not answer:\n%s", h.log)
	}
	return ""
}

// ask sends a request and gives its number.
func (h *rawHost) ask(t testing.TB, method string, params any) int {
	t.Helper()
	h.number++
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": h.number, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	h.send(t, string(raw))
	return h.number
}

// begin calls a tool without waiting; a token asks for progress.
func (h *rawHost) begin(t testing.TB, tool, arguments string, token ...string) int {
	t.Helper()
	params := map[string]any{"name": tool, "arguments": json.RawMessage(arguments)}
	if len(token) > 0 {
		params["_meta"] = map[string]any{"progressToken": token[0]}
	}
	return h.ask(t, "tools/call", params)
}

func (h *rawHost) cancel(t testing.TB, number int) {
	t.Helper()
	h.send(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+strconv.Itoa(number)+`}}`)
}

// next is the next message, from what was passed over first.
func (h *rawHost) await(t testing.TB, fits func(message) bool) message {
	t.Helper()
	if i := slices.IndexFunc(h.said, fits); i >= 0 {
		m := h.said[i]
		h.said = slices.Delete(h.said, i, i+1)
		return m
	}
	for {
		line := h.line(t)
		var m message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("the host wrote %q: %v", line, err)
		}
		if fits(m) {
			return m
		}
		h.said = append(h.said, m)
	}
}

func (h *rawHost) reply(t testing.TB, number int) message {
	t.Helper()
	return h.await(t, func(m message) bool { return m.ID == float64(number) })
}

func (h *rawHost) answer(t testing.TB, number int) answer {
	t.Helper()
	m := h.reply(t, number)
	if m.Error != nil {
		t.Fatalf("the host refuses: %s", m.Error.Message)
	}
	var a answer
	if err := json.Unmarshal(m.Result, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func (h *rawHost) call(t testing.TB, tool, arguments string) answer {
	t.Helper()
	return h.answer(t, h.begin(t, tool, arguments))
}

// a listing is what tools/list says.
type listing struct {
	Tools []struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Input       json.RawMessage `json:"inputSchema"`
		Meta        json.RawMessage `json:"_meta"`
	} `json:"tools"`
	Meta struct {
		Problems []struct{ Module, Error, Traceback string } `json:"holdfast/problems"`
	} `json:"_meta"`
}

func (h *rawHost) list(t testing.TB) listing {
	t.Helper()
	var l listing
	if err := json.Unmarshal(h.reply(t, h.ask(t, "tools/list", nil)).Result, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// pythonWith is a Python that has a package: the first on PATH, or the system's.
func pythonWith(t testing.TB, code string) string {
	t.Helper()
	for _, python := range []string{"python3", debianPython} {
		if exec.CommandContext(t.Context(), python, "-I", "-c", code).Run() == nil {
			return python
		}
	}
	need.Missing(t, "no Python here can do: "+code)
	return ""
}

func TestHostSurvivesHostileInput(t *testing.T) {
	h := startHost(t)
	for input, want := range map[string]string{
		"garbage":                    "-32700",
		"{\"a\":":                    "-32700",
		"\xff\xfe":                   "-32700",
		strings.Repeat("[", 100_000): "-32700",
		"7":                          "-32600",
		"[1, 2]":                     "-32600",
		`{"jsonrpc":"2.0","id":1}`:   "-32600",
		`{"jsonrpc":"2.0","id":{},"method":"ping"}`:                                                      "-32600",
		`{"jsonrpc":"2.0","id":true,"method":"ping"}`:                                                    "-32600",
		`{"jsonrpc":"2.0","id":1,"method":"no/such"}`:                                                    "-32601",
		`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":["x"]}}`:                  "-32602",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["x"]}}`:                         "-32602",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":[]}}`:         "-32602",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":7}`:                                      "-32602",
		`{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"echo","_meta":7}}`:              `"id": 8`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{"a":[]}}}`:           "",
		`{"jsonrpc":"2.0","id":9,"result":{}}`:                                                           "",
		`{"jsonrpc":"2.0","id":3,"method":"initialize","params":{"protocolVersion":["x"]}}`:              "2025-11-25",
		`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"echo","arguments":{"text":9}}}`: "want str",
	} {
		h.send(t, input)
		answers := strings.Join(h.ping(t), "")
		if want != "" {
			timing.Until(t, want, func() bool {
				if strings.Contains(answers, want) {
					return true
				}
				answers += strings.Join(h.ping(t), "")
				return false
			})
		}
	}
	h.send(t, `{"a":"`+strings.Repeat("x", 17<<20)+`"}`)
	if answers := strings.Join(h.ping(t), ""); !strings.Contains(answers, "larger than") {
		t.Errorf("a huge line is answered %.200s", answers)
	}
}

func FuzzHostInput(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"}}}`))
	f.Add([]byte(`{"id":1e999,"method":"ping"}`))
	f.Add([]byte(`{"id":"\ud800","method":"tools/call","params":{"name":"echo","arguments":{"text":"\udfff"}}}`))
	f.Add([]byte(`[{"id":1,"method":"ping"},[[]]]`))
	f.Add([]byte(`{"id":-0,"method":"initialize","params":{"protocolVersion":NaN}}`))
	h := startHost(f)
	f.Fuzz(func(t *testing.T, input []byte) {
		h.send(t, string(bytes.ReplaceAll(input, []byte("\n"), nil)))
		h.ping(t)
	})
}
