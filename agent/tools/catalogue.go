// SPDX-License-Identifier: Apache-2.0

// Package tools keeps the one catalogue of tools that agents and MCP clients see: those of the
// extensions (MCP servers over stdio, and Python modules in the Python host of the house) and the
// house's own actions.
//
// It is for listing and calling tools by name: arguments are held against the tool's schema, a
// call has a timeout, a result a size limit, and both are journaled without secrets. It is not for
// deciding which tool to call (package agent) nor for serving them to others (agent/mcp). It
// guarantees that one bad tool server disturbs no other, that a crashed one is started again while
// calls in flight get a clear error, and that none outlives Stop. app wires it; agent, agent/mcp
// and the tool actions call it.
package tools

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/agent/skills"
	"holdfast/agent/tools/pin"
	"holdfast/agent/tools/poison"
	"holdfast/agent/upstream"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/process"
	"holdfast/core/store"
)

// extensions is where the tool servers are declared. Changed is closed at the next change.
type extensions interface {
	ToolServers() []holdfast.ToolServer
	Changed() <-chan struct{}
}

// remotes is where servers elsewhere are declared. Changed is closed at the next change.
type remotes interface {
	Declarations() []upstream.Declaration
	Changed() <-chan struct{}
}

// actions is the waist, whose actions are tools too.
type actions interface {
	Actions() []holdfast.Action
	Dispatch(ctx context.Context, caller holdfast.Caller, name string, input json.RawMessage, confirm *holdfast.Confirmation) (any, error)
}

// journal is what the catalogue needs of the journal.
type journal interface {
	Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
}

// Needs is what a catalogue is made of.
type Needs struct {
	Home home.Home
	// House names the house in the marks of its tool servers, and no other house; it is asked at start.
	House func() string
	// Extensions and Actions may be nil: no tools from there.
	Extensions extensions
	Actions    actions
	// Secret gives a key of .env to the servers that name it.
	Secret  func(name string) (holdfast.Secret, bool)
	Journal journal
	// Processes starts the servers; nil means this machine.
	Processes process.Host
	// Helper is the program that confines servers; empty means holdfast-watch beside this program.
	Helper string
	// Remotes are the servers elsewhere, Skills those of the house; both may be nil.
	Remotes remotes
	Skills  shelves
	// Master is master_config.json, where tools are switched and hubs declared; Keys is .env, where the
	// hubs' keys stand. Without them there are neither.
	Master master
	Keys   keys
	// Grants ends what MCP clients were given at a hub that is gone; it may be nil.
	Grants grants
	// Store keeps the pins and the use of the tools; nil keeps them as long as the house runs.
	Store *store.Store
	// Meter counts uses, by kind: tool, prompt, resource, completion; it may be nil.
	Meter func(kind, source string, outcome holdfast.Outcome, took time.Duration)
	Log   *slog.Logger
}

// Settings is the section `tools` of holdfast.yaml.
type Settings struct {
	// Timeout is how long one tool call may take.
	Timeout config.Duration `json:"timeout"`
	// StartWithin is how long a tool server may take until it has answered initialize and listed its tools.
	StartWithin config.Duration `json:"start_within"`
	// Idle is after how long without a call a tool server is stopped; the next call starts it again. 0 keeps it.
	Idle config.Duration `json:"idle"`
	// Result is the largest result of a tool; what is beyond is cut with a notice.
	Result config.Bytes `json:"result"`
	// Parallel is how many calls one tool server answers at the same time; others wait.
	Parallel int `json:"parallel"`
}

// Check tells what is wrong with the settings.
func (s *Settings) Check() []holdfast.Problem {
	var problems []holdfast.Problem
	positive := func(field string, ok bool) {
		if !ok {
			problems = append(problems, holdfast.Problem{Field: field, Message: "must be more than 0"})
		}
	}
	positive("timeout", s.Timeout > 0)
	positive("start_within", s.StartWithin > 0)
	positive("result", s.Result > 0)
	positive("parallel", s.Parallel > 0)
	return problems
}

// A Catalogue is the one list of tools of the house.
type Catalogue struct {
	needs   Needs
	section *Settings                // as the configuration filled it at start
	applied atomic.Pointer[Settings] // what a reload put in its place

	shown atomic.Pointer[snapshot] // what is listed; nil until built

	pins          *pin.Pins
	usage         *usage
	shelf         *shelf
	register      *register
	memory        *memory
	subscriptions *subscriptions
	house         *houseTools
	offered       atomic.Pointer[[]skills.Skill] // as they were last looked at
	building      sync.Mutex                     // one list is built at a time, without I/O
	reader        func() *poison.Reader

	mu      sync.Mutex
	servers map[string]*source // by name
	watch   chan struct{}      // closed and replaced whenever the list may have changed
	lends   upstream.Needs     // what each server is made of
	life    context.Context    // of the servers' loops; nil before Start
	end     context.CancelFunc
	loops   sync.WaitGroup
}

// New makes a catalogue. It does nothing until its capability is started.
func New(needs Needs) *Catalogue {
	if needs.Processes == nil {
		needs.Processes = process.NewMachine(process.Options{})
	}
	c := &Catalogue{
		needs: needs,
		section: &Settings{
			Timeout: config.Duration(time.Minute), StartWithin: config.Duration(30 * time.Second),
			Idle: config.Duration(30 * time.Minute), Result: 1 << 20, Parallel: 32,
		},
		servers: map[string]*source{}, watch: make(chan struct{}), subscriptions: newSubscriptions(),
		pins:     pin.New(needs.Store, needs.Journal, needs.Log),
		usage:    &usage{store: needs.Store, known: map[pin.Thing]*tally{}},
		shelf:    newShelf(needs.Master, needs.Log),
		register: &register{store: needs.Store, grants: needs.Grants},
		memory:   newMemory(needs.Store, needs.Log),
		reader:   sync.OnceValue(poison.NewReader),
		house:    &houseTools{made: map[string]*entry{}},
	}
	c.offered.Store(&[]skills.Skill{})
	return c
}

// Apply takes new settings while the house runs. How many calls a server answers at the same time is
// taken up by Restart.
func (c *Catalogue) Apply(s Settings) { c.applied.Store(&s) }

func (c *Catalogue) settings() *Settings {
	if s := c.applied.Load(); s != nil {
		return s
	}
	return c.section
}

// Changed is closed when the list may differ from what List answered before; ask again for the
// next change.
func (c *Catalogue) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watch
}

// touch forgets the built list and wakes who waits for a change.
func (c *Catalogue) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown.Store(nil)
	close(c.watch)
	c.watch = make(chan struct{})
}

// patience is how long a list waits for servers that start for the first time.
const patience = 10 * time.Second

// settle waits until every server has tried to start at least once, or patience ends.
func (c *Catalogue) settle(ctx context.Context) error {
	_, err := c.await(ctx, patience)
	return err
}

// await waits so long for servers to try to start, and tells which have not by then, by name.
func (c *Catalogue) await(ctx context.Context, wait time.Duration) (late []string, err error) {
	enough, stop := context.WithTimeout(ctx, wait)
	defer stop()
	for _, s := range c.all() {
		select {
		case <-s.Tried():
		case <-s.Over():
		case <-enough.Done():
			if s.settled() {
				continue
			}
			if ctx.Err() != nil {
				return nil, holdfast.Errorf(holdfast.CodeUnavailable, "cannot list the tools: the tool server of %s is still starting: %w", s.decl.Name, ctx.Err())
			}
			late = append(late, s.decl.Name)
		}
	}
	slices.Sort(late)
	return late, nil
}

// settled tells whether a server has tried to start.
func (s *source) settled() bool {
	select {
	case <-s.Tried():
	case <-s.Over():
	default:
		return false
	}
	return true
}

func (c *Catalogue) all() []*source {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*source, 0, len(c.servers))
	for _, s := range c.servers {
		list = append(list, s)
	}
	return list
}
