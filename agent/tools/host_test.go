// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// a rawHost is the Python host spoken to without a client, for input that no client sends.
type rawHost struct {
	in      io.WriteCloser
	answers chan string
	command *exec.Cmd
}

func startHost(t testing.TB) *rawHost {
	t.Helper()
	module := filepath.Join(t.TempDir(), "x_tools.py")
	if err := os.WriteFile(module, []byte("def echo(text: str = ''): return text\nTOOLS = [echo]"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &rawHost{answers: make(chan string, 100)}
	h.command = exec.CommandContext(t.Context(), "python3", "-I", "-B", "host", "x", filepath.Dir(module), module)
	var err error
	if h.in, err = h.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := h.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
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
		_ = h.command.Wait()
	})
	return h
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
	deadline := time.After(time.Minute)
	for {
		select {
		case line, ok := <-h.answers:
			if !ok {
				t.Fatal("the host ended")
			}
			if !json.Valid([]byte(line)) {
				t.Fatalf("the host wrote %q", line)
			}
			if strings.Contains(line, `"the ping"`) {
				return before
			}
			before = append(before, line)
		case <-deadline:
			t.Fatal("the host does not answer")
		}
	}
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
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["x"]}}`:                         "-32602",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":[]}}`:         "-32602",
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":7}`:                                      "-32602",
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{"a":[]}}}`:           "",
		`{"jsonrpc":"2.0","id":9,"result":{}}`:                                                           "",
		`{"jsonrpc":"2.0","id":3,"method":"initialize","params":{"protocolVersion":["x"]}}`:              "2025-11-25",
		`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"echo","arguments":{"text":9}}}`: "want str",
	} {
		h.send(t, input)
		answers := strings.Join(h.ping(t), "")
		if want != "" {
			until(t, want, func() bool {
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
