// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/upstream"
	"holdfast/core/trace"
)

const (
	// agentMark is the part of a result's _meta in which the Python host tells what an agent said besides.
	agentMark  = "holdfast/agent"
	maxHistory = 1 << 20
	// maxSaid is less than a message to a host may be: a longer one would end it.
	maxSaid = 15 << 20
)

// homes are the agents of the home: agents/NAME/agent.py, each in a Python host of its own that is
// started with its first call and rests when it is idle.
//
//	found ──first call──▶ running ──gone or house stops──▶ ended
type homes struct {
	folder string
	// lends is what a host is made of; env is what an agent finds in its environment.
	lends func() upstream.Needs
	env   func() map[string]string

	mu      sync.Mutex
	life    context.Context // nil while the house does not run
	end     context.CancelFunc
	running map[string]*homeAgent
	loops   sync.WaitGroup
}

// a homeAgent is the host of one agent, for its modules as they were when it was started.
type homeAgent struct {
	*upstream.Server
	state string
	stop  context.CancelFunc
}

func newHomes(n Needs) *homes {
	return &homes{folder: n.Home.Path("agents"), lends: n.Lends, env: n.Environment, running: map[string]*homeAgent{}}
}

// names lists the agents that there are. An agent cannot have a built-in one's name.
func (h *homes) names() []string {
	h.mu.Lock()
	h.sweep()
	h.mu.Unlock()
	found, _ := filepath.Glob(filepath.Join(h.folder, "*", "agent.py"))
	var list []string
	for _, path := range found {
		if name := filepath.Base(filepath.Dir(path)); h.has(name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

func (h *homes) has(name string) bool {
	if !presetWord(name) || builtIn(name) {
		return false
	}
	info, err := os.Stat(h.module(name))
	return err == nil && info.Mode().IsRegular()
}

func (h *homes) module(name string) string { return filepath.Join(h.folder, name, "agent.py") }

func (h *homes) start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.life, h.end = context.WithCancel(context.Background())
}

// stop ends every host with all that it started.
func (h *homes) stop() {
	h.mu.Lock()
	if h.end != nil {
		h.end()
	}
	h.life = nil
	h.mu.Unlock()
	h.loops.Wait()
}

// server is the host of an agent. One whose modules have changed is started anew, once what runs in the
// old one has been given up.
func (h *homes) server(name string) (*upstream.Server, error) {
	if _, err := os.Stat(h.module(name)); err != nil {
		return nil, fmt.Errorf("cannot find the agent %s: %w", name, err)
	}
	state := h.state(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sweep()
	if h.life == nil || h.lends == nil {
		return nil, errors.New("the house does not run agents of the home now")
	}
	old := h.running[name]
	if old != nil && old.state == state {
		return old.Server, nil
	}
	if old != nil {
		old.stop()
	}
	needs := h.lends()
	needs.LogFile, needs.Changed, needs.Updated = h.logFile(needs, name), func() {}, func(string) {}
	ctx, stop := context.WithCancel(h.life)
	server := upstream.New(upstream.Declaration{Name: "agent." + name, Stdio: h.declare(name)}, needs)
	h.running[name] = &homeAgent{server, state, stop}
	h.loops.Go(func() {
		defer h.forget(name, server)
		defer stop()
		if old != nil {
			<-old.Over()
		}
		server.Run(ctx)
	})
	return server, nil
}

func (h *homes) logFile(needs upstream.Needs, name string) string {
	return filepath.Join(needs.Home, logOf(name))
}

// declare says how an agent's host is started: it may write in its own folder alone.
func (h *homes) declare(name string) *holdfast.ToolServer {
	folder := filepath.Join(h.folder, name)
	env := map[string]string{}
	if h.env != nil {
		env = h.env()
	}
	return &holdfast.ToolServer{
		Name: "agent." + name, Modules: []string{h.module(name)}, Dir: folder, Env: env,
		Sandbox: &holdfast.Sandbox{Read: []string{folder}, Write: []string{folder}},
	}
}

// said is what an agent of the home tells of itself besides its answer.
type agentSaid struct {
	Usage   usage `json:"usage"`
	Timings []struct {
		Name    string  `json:"name"`
		Seconds float64 `json:"seconds"`
	} `json:"timings"`
}

// home answers a request by an agent of the home. It ends when the client hangs up.
func (r *run) home(ctx context.Context) error {
	arguments := r.conversation()
	if len(arguments) > maxSaid {
		return bad("messages", "the conversation is %d bytes as the agent gets it, want at most %d", len(arguments), maxSaid)
	}
	server, err := r.agents.homes.server(r.as.name)
	if err != nil {
		return err
	}
	heard := &listener{out: r.out}
	request := upstream.Request{Name: r.as.name, Arguments: arguments, Still: func() error { return unloaded(r.as.name, server) }}
	ctx, span := r.agents.needs.Traces.Begin(ctx, trace.Inner, "run_agent "+r.as.name, nil)
	defer span.End()
	ended := r.trace.tool(toolCall{ID: "run_agent", Function: function{Name: r.as.name}}, nil)
	began := time.Now()
	r.acted = true
	result, err := server.Call(upstream.WithPeer(ctx, heard), request)
	r.wrote = heard.heard()
	text, status := "", "done"
	if err == nil {
		text = textOf(result)
		var said agentSaid
		if raw, ok := result.Meta[agentMark]; ok && json.Unmarshal(encode(raw), &said) == nil && said.Usage != nil {
			r.used = said.Usage
		}
		if result.IsError {
			err = fmt.Errorf("the agent %s failed: %s", r.as.name, text)
		}
	}
	if err != nil {
		status = "failed"
		span.Fail("agent_failed")
	}
	ended(status, text, time.Since(began))
	if err != nil {
		return err
	}
	if !r.wrote {
		r.say(text)
	}
	r.out.finish("stop", nil, r.used)
	return nil
}

func textOf(result *mcp.CallToolResult) string {
	var texts []string
	for _, block := range result.Content {
		if t, ok := block.(*mcp.TextContent); ok {
			texts = append(texts, t.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// conversation is the request as an agent of the home takes it: the last word of the user, what was
// said before, and the memory.
func (r *run) conversation() json.RawMessage {
	type said struct {
		UserPrompt  string            `json:"user_prompt"`
		ChatHistory *string           `json:"chat_history"`
		Memory      *string           `json:"memory"`
		Messages    []json.RawMessage `json:"messages"`
		Model       string            `json:"model"`
	}
	in := said{Messages: r.asked.messages, Model: r.asked.model}
	var lines []string
	last := -1
	for i, raw := range r.asked.messages {
		var m message
		if json.Unmarshal(raw, &m) == nil && m.Role == "user" {
			last, in.UserPrompt = i, m.text()
		}
	}
	for _, raw := range r.asked.messages[:max(0, last)] {
		var m message
		if json.Unmarshal(raw, &m) == nil && (m.Role == "user" || m.Role == "assistant") {
			lines = append(lines, m.Role+": "+m.text())
		}
	}
	if history := strings.Join(lines, "\n"); history != "" {
		history = history[max(0, len(history)-maxHistory):]
		in.ChatHistory = &history
	}
	if r.asked.memory != "" {
		in.Memory = &r.asked.memory
	}
	raw, _ := json.Marshal(in) // as it is sent, with all that is escaped then; it always can be
	return raw
}

// homePersona is an agent of the home.
func (a *Agents) homePersona(name string) (persona, bool) {
	if !a.homes.has(name) {
		return persona{}, false
	}
	return persona{name: name, base: name, home: true, bounds: bounds{time: a.settings().Time.Std()}}, true
}
