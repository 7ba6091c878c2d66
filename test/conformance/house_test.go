// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/holdfasttest/need"
	"holdfast/holdfasttest/timing"
)

const (
	fixture = "everything"
	hub     = "conformance"
	hubKey  = "sk-hub-0123456789abcdef0123456789abcdef"
	// agentKey opens the endpoint of the whole house.
	agentKey = "sk-agents-0123456789abcdef0123456789ab"
)

type house struct {
	bin, home string
	api       *url.URL
}

// startHouse runs the real programs with the suite's fixture as an extension, behind a hub that
// changes none of its names and answers.
func startHouse(t *testing.T) *house {
	t.Helper()
	h := &house{bin: need.Programs(t), home: filepath.Join(t.TempDir(), "home")}
	h.run(t, "init", h.home)
	h.extend(t)
	low := 15000 + os.Getpid()%100*40 // below those of the stories, and of what the system gives out
	for name, first := range map[string]int{"UI": low, "SERVICE": low + 20} {
		t.Setenv("HOLDFAST_EXTENSIONS_"+name+"_PORTS", fmt.Sprintf("%d-%d", first, first+19))
	}
	h.run(t, "up", "-d", "--set", "edge.listen="+need.Address(t), "--set", "api.listen="+need.Address(t))
	t.Cleanup(func() { h.run(t, "down") })
	var status struct {
		API string `json:"api"`
	}
	if err := json.Unmarshal(h.run(t, "status", "--json"), &status); err != nil {
		t.Fatal(err)
	}
	var err error
	if h.api, err = url.Parse(status.API); err != nil {
		t.Fatal(err)
	}
	h.await(t)
	return h
}

// extend puts the fixture among the extensions, and the hub into the settings.
func (h *house) extend(t *testing.T) {
	t.Helper()
	folder := filepath.Join(h.home, "extensions", fixture)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	build(t, filepath.Join(folder, "server"), "github.com/modelcontextprotocol/go-sdk/conformance/everything-server")
	h.write(t, filepath.Join("extensions", fixture, "config.json"), map[string]any{
		"name": fixture, "version": "1", "enabled": true, "mcp": map[string]any{"command": "./server"},
	})
	path := filepath.Join(h.home, "master_config.json")
	master := map[string]any{}
	if text, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(text, &master); err != nil {
			t.Fatal(err)
		}
	}
	skill := filepath.Join(h.home, "skills", "minutes")
	if err := os.MkdirAll(filepath.Join(skill, "references"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"SKILL.md":            "---\nname: minutes\ndescription: Writes minutes of meetings.\nlicense: MIT\nmetadata:\n  version: \"2.1\"\n  of: [1, 2]\n---\nAsk who was there.\n",
		"references/forms.md": "# Forms\n",
	} {
		if err := os.WriteFile(filepath.Join(skill, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	master["mcp_servers"] = map[string]any{hub: map[string]any{"name": hub, "enabled": true, "prefix": false, "upstreams": []string{fixture}}}
	h.write(t, "master_config.json", master)
	env, err := os.OpenFile(filepath.Join(h.home, ".env"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(env, "\nMCP_SERVER_%s_API_KEY=%s\nAGENT_API_KEY=%s\n", strings.ToUpper(hub), hubKey, agentKey); err != nil {
		t.Fatal(err)
	}
	if err := env.Close(); err != nil {
		t.Fatal(err)
	}
}

func (h *house) write(t *testing.T, path string, content any) {
	t.Helper()
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.home, path), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (h *house) run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(filepath.Join(h.bin, "holdfast"), args...)
	if args[0] != "init" {
		cmd.Env = append(os.Environ(), "HOLDFAST_HOME="+h.home)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("holdfast %v: %v\n%s%s", args, err, out, said.Bytes())
	}
	return out
}

// await waits until the hub shows the fixture's tools.
func (h *house) await(t *testing.T) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(h.logs())
		}
	}()
	timing.Until(t, "the fixture is among the tools", func() bool {
		return bytes.Contains(h.run(t, "tools", "--json"), []byte("test_simple_text"))
	})
}

// fresh starts the fixture anew, as it was before it was told to change what it offers.
func (h *house) fresh(t *testing.T) {
	t.Helper()
	before := h.server(t)
	h.run(t, "tool", "restart", fixture)
	timing.Until(t, "the fixture serves again", func() bool {
		now := h.server(t)
		return now.State == "serving" && now.PID != before.PID
	})
}

// server is how the fixture stands.
func (h *house) server(t *testing.T) (one struct {
	Name, State string
	PID         int
},
) {
	t.Helper()
	var list struct {
		Servers []json.RawMessage `json:"servers"`
	}
	if err := json.Unmarshal(h.run(t, "tools", "--json"), &list); err != nil {
		t.Fatal(err)
	}
	for _, raw := range list.Servers {
		if err := json.Unmarshal(raw, &one); err != nil {
			t.Fatal(err)
		}
		if one.Name == fixture {
			return one
		}
	}
	t.Fatal("the fixture is not among the servers")
	return one
}

// logs is what the house wrote.
func (h *house) logs() string {
	var all strings.Builder
	found, _ := filepath.Glob(filepath.Join(h.home, "var", "logs", "*.log"))
	for _, path := range found {
		text, _ := os.ReadFile(path)
		fmt.Fprintf(&all, "--- %s\n%s", filepath.Base(path), text[max(0, len(text)-4000):])
	}
	return all.String()
}

// proxy adds a key, which the suite cannot send, and leaves everything else as it is.
func (h *house) proxy(t *testing.T, path, key string) string {
	t.Helper()
	to := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = h.api.Scheme, h.api.Host
		r.Out.Host = r.In.Host
		r.Out.Header.Set("Authorization", "Bearer "+key)
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The server closes the body when the answer begins, and the transport, which reads on to see that the
		// body ended, cuts the answer for that (golang/go#40747); a limited one remembers that it ended.
		r.Body = http.MaxBytesReader(w, r.Body, 64<<20)
		to.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	return front.URL + path
}

func build(t *testing.T, out, what string) {
	t.Helper()
	if err := need.Build(t.Context(), out, what); err != nil {
		t.Fatal(err)
	}
}
