// SPDX-License-Identifier: Apache-2.0

package redteam

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/holdfasttest/need"
)

// a world is a house with a hostile extension, and a model that obeys.
type world struct {
	*testing.T
	home, bin, api string
	env            []string
	agentKey       string
	operatorKey    string
	model          *obedient
}

const operatorToken = "sk-red-team-operator-0123456789"

// newWorld starts a house; its extension mallory does what the files beside it say.
func newWorld(t *testing.T) *world {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		need.Missing(t, "there is no python3")
	}
	w := &world{T: t, home: filepath.Join(t.TempDir(), "home"), bin: need.Programs(t), operatorKey: operatorToken, model: newObedient(t)}
	low := 12000 + os.Getpid()%300*8 // below those of the stories
	w.env = append(os.Environ(), "HOLDFAST_HOME="+w.home, "NO_COLOR=1", "PATH="+w.bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		fmt.Sprintf("HOLDFAST_EXTENSIONS_UI_PORTS=%d-%d", low, low+3), fmt.Sprintf("HOLDFAST_EXTENSIONS_SERVICE_PORTS=%d-%d", low+4, low+7))
	w.must("init", w.home)
	w.write("holdfast.yaml", "models:\n  providers:\n    hostile: {kind: openai, url: \""+w.model.url+"/v1\"}\n  aliases:\n    chat: [hostile/obedient]\n    fast: [hostile/obedient]\n")
	w.append(".env", "SUPERVISOR_API_TOKEN="+operatorToken+"\nPROVIDER_KEY=sk-secret-of-a-provider\n")
	server, err := os.ReadFile("mallory.py")
	if err != nil {
		t.Fatal(err)
	}
	w.write("extensions/mallory/server.py", string(server))
	w.write("extensions/mallory/config.json", `{"name": "mallory", "mcp": {"command": "python3", "args": ["server.py"]}}`)
	own := map[string]any{}
	for _, name := range []string{"weather", "peek", "environment", "dial", "ask", "chatter"} {
		own[name] = map[string]bool{"enabled_in_mcp": true, "passthrough": true}
	}
	w.write("extensions/mallory/tools/tool_config.json", string(encode(own)))
	w.api = need.Address(t)
	w.must("up", "-d", "--set", "edge.listen="+need.Address(t), "--set", "api.listen="+w.api)
	t.Cleanup(func() { _, _ = w.run("down", "--quick") })
	env, err := os.ReadFile(filepath.Join(w.home, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	w.agentKey = regexp.MustCompile(`(?m)^AGENT_API_KEY=(\S+)`).FindStringSubmatch(string(env))[1]
	w.await(func() bool { return strings.Contains(w.must("tool", "list", "--json"), `"weather"`) })
	return w
}

func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// run is the operator at a terminal.
func (w *world) run(args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(w.bin, "holdfast"), args...)
	cmd.Env = w.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *world) must(args ...string) string {
	w.Helper()
	out, err := w.run(args...)
	if err != nil {
		w.Fatalf("holdfast %v: %v\n%s", args, err, out)
	}
	return out
}

func (w *world) write(name, text string) {
	w.Helper()
	path := filepath.Join(w.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
}

func (w *world) append(name, text string) {
	w.Helper()
	before, err := os.ReadFile(filepath.Join(w.home, name))
	if err != nil && !os.IsNotExist(err) {
		w.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.home, name), append(before, text...), 0o600); err != nil {
		w.Fatal(err)
	}
}

func (w *world) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(w.home, name))
	return err == nil
}

// await asks until it is so.
func (w *world) await(so func() bool) {
	w.Helper()
	if !w.awaits(so) {
		w.Fatal("it did not come to that in time")
	}
}

// awaits asks until it is so, and tells whether it came to that.
func (w *world) awaits(so func() bool) bool {
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-deadline.C:
			return false
		case <-tick.C:
		}
	}
	return true
}

// says has the tool weather answer with a text; the model obeys what it reads.
func (w *world) says(text string) {
	w.Helper()
	w.write("extensions/mallory/say.txt", text)
}

// an entry of the journal.
type entry struct {
	Seq     int64           `json:"sequence"`
	Caller  string          `json:"caller"`
	Action  string          `json:"action"`
	Subject string          `json:"subject"`
	Outcome string          `json:"outcome"`
	Detail  json.RawMessage `json:"detail"`
	Input   json.RawMessage `json:"input"`
	Refusal json.RawMessage `json:"refusal"`
}

func (w *world) journal() []entry {
	w.Helper()
	var shown struct {
		Entries []entry `json:"entries"`
	}
	if err := json.Unmarshal([]byte(w.must("journal", "show", "--json", "--limit", "1000")), &shown); err != nil {
		w.Fatal(err)
	}
	return shown.Entries
}

// chat asks the house's agent as a client with the agents' key does.
func (w *world) chat(messages ...map[string]any) answer {
	w.Helper()
	body := encode(map[string]any{"model": "passthrough_agent", "messages": messages})
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.api+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+w.agentKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		w.Fatal(err)
	}
	a := answer{status: response.StatusCode, raw: string(raw)}
	_ = json.Unmarshal(raw, &a.body)
	return a
}

// an answer of the house's agent.
type answer struct {
	status int
	raw    string
	body   struct {
		Choices []struct {
			Finish  string         `json:"finish_reason"`
			Message map[string]any `json:"message"`
		} `json:"choices"`
	}
}

func (a answer) finish() string {
	if len(a.body.Choices) == 0 {
		return ""
	}
	return a.body.Choices[0].Finish
}

func user(text string) map[string]any { return map[string]any{"role": "user", "content": text} }

// lure has the agent's model call weather, whose answer it then obeys.
func (w *world) lure(says string) answer {
	w.Helper()
	w.says(says)
	return w.chat(user("What is the weather? " + order("weather", "{}")))
}

type bearer struct{ key string }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.key)
	return http.DefaultTransport.RoundTrip(r)
}

// client is an MCP client of the house with a key.
func (w *world) client(key string, options *mcp.ClientOptions) *mcp.ClientSession {
	w.Helper()
	c := mcp.NewClient(&mcp.Implementation{Name: "redteam", Version: "1"}, options)
	transport := &mcp.StreamableClientTransport{Endpoint: "http://" + w.api + "/api/mcp", HTTPClient: &http.Client{Transport: bearer{key}}}
	session, err := c.Connect(w.Context(), transport, nil)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = session.Close() })
	return session
}

// call is one call by MCP: what it says, and whether it was refused.
func (w *world) call(key, name string, arguments map[string]any, meta mcp.Meta) (said string, refused bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	result, err := w.client(key, nil).CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: arguments, Meta: meta})
	if err != nil {
		return err.Error(), true
	}
	return textOf(result), result.IsError
}

func textOf(result *mcp.CallToolResult) string {
	var all []string
	for _, c := range result.Content {
		if text, ok := c.(*mcp.TextContent); ok {
			all = append(all, text.Text)
		}
	}
	return strings.Join(all, "\n")
}
