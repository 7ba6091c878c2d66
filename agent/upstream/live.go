// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/plain"
)

const (
	maxPages = 100
	maxItems = 1000 // of each list
	// maxSummary bounds a description: it goes into every prompt.
	maxSummary = 8 << 10
)

// a link is what carries a session: a process with pipes, or a connection.
type link interface {
	// over is closed when nothing more can come.
	over() <-chan struct{}
	// end ends all of it, the session when nothing more can come, and returns when nothing is left. A
	// session may have broken before.
	end(broke bool, session func())
	// reason is why it ended by itself.
	reason() error
	// explain says why a request failed: out of time, or the link ended, or what the session says.
	explain(ctx context.Context, err error) error
	// pid is 0 where there is no process.
	pid() int
}

// a live is one session with a server.
type live struct {
	session *mcp.ClientSession
	link    link
	calls   *calls
	era     Era
	probes  int
	loud    atomic.Bool // its log level was set
	began   time.Time
	relist  chan struct{} // one of its lists changed
	doubts  chan uint64   // what was heard before a call whose time was over in silence; nil for a remote server
	ended   chan struct{} // the link or the session ended
	ending  sync.Once
	waits   sync.WaitGroup
}

// connect makes the session over a transport. Who speaks another era than the wanted one is refused.
func connect(ctx context.Context, needs *Needs, l link, over mcp.Transport, version string, with *calls) (*live, error) {
	started := &live{link: l, calls: with, began: time.Now(), relist: make(chan struct{}, 1), ended: make(chan struct{})}
	relist := func() {
		select {
		case started.relist <- struct{}{}:
		default:
		}
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "holdfast", Version: "1"}, &mcp.ClientOptions{
		Capabilities:               everything(),
		ToolListChangedHandler:     func(context.Context, *mcp.ToolListChangedRequest) { relist() },
		PromptListChangedHandler:   func(context.Context, *mcp.PromptListChangedRequest) { relist() },
		ResourceListChangedHandler: func(context.Context, *mcp.ResourceListChangedRequest) { relist() },
		ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) {
			needs.Updated(r.Params.URI)
		},
		MultiRoundTrip: &mcp.MultiRoundTripOptions{Disabled: true},
	})
	client.AddReceivingMiddleware(with.answers)
	client.AddSendingMiddleware(uncached)
	if w, ok := l.(*wire); ok { // a process takes its calls with it
		client.AddReceivingMiddleware(w.left)
		client.AddSendingMiddleware(w.left)
	}
	session, err := client.Connect(ctx, over, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		return nil, err
	}
	started.session = session
	if init := session.InitializeResult(); init != nil {
		started.era = eraOf(init.ProtocolVersion)
	}
	started.watch()
	if p, ok := l.(*pipes); ok { // a remote server is probed
		started.doubts = make(chan uint64, 1)
		started.waits.Go(func() { started.attend(p, needs.Settings) })
	}
	return started, nil
}

// everything is what a server is told that it may ask, for it is told before a client is known; what
// the client of a call cannot is refused then.
func everything() *mcp.ClientCapabilities {
	return &mcp.ClientCapabilities{
		Elicitation: &mcp.ElicitationCapabilities{Form: &mcp.FormElicitationCapabilities{}, URL: &mcp.URLElicitationCapabilities{}},
		Sampling:    &mcp.SamplingCapabilities{Tools: &mcp.SamplingToolsCapabilities{}},
		RootsV2:     &mcp.RootCapabilities{},
	}
}

// speakUp lets a legacy server log from the first call on that has somebody to be told; the peer
// heeds what its client wants.
func (l *live) speakUp(ctx context.Context) {
	init := l.session.InitializeResult()
	if l.era == Modern || init == nil || init.Capabilities == nil || init.Capabilities.Logging == nil || l.loud.Swap(true) {
		return
	}
	_ = l.session.SetLoggingLevel(ctx, &mcp.SetLoggingLevelParams{Level: "debug"}) // without it the call is only quieter
}

// watch closes ended when the link ends or the session breaks, whichever is first.
func (l *live) watch() {
	broken := make(chan struct{})
	l.waits.Go(func() {
		defer close(broken)
		_ = l.session.Wait() // why is told by the link
	})
	l.waits.Go(func() {
		defer close(l.ended)
		select {
		case <-l.link.over():
		case <-broken:
		}
	})
}

// ping asks whether the server answers. The modern era has no ping, so it is asked for its prompts; that
// it knows none is an answer too.
func (l *live) ping(ctx context.Context) error {
	if l.era == Legacy {
		return l.session.Ping(ctx, nil)
	}
	_, err := taken(l.session.ListPrompts(ctx, &mcp.ListPromptsParams{}))
	return err
}

// over tells that the server can answer nothing more.
func (l *live) over() bool {
	select {
	case <-l.ended:
		return true
	case <-l.link.over():
		return true
	default:
		return false
	}
}

// awaitEnd waits for a session that broke to be known as such.
func (l *live) awaitEnd(ctx context.Context) bool {
	wait := time.NewTimer(lastWords)
	defer wait.Stop()
	select {
	case <-l.ended:
		return true
	case <-wait.C:
	case <-ctx.Done():
	}
	return false
}

// end ends the session and the link. It returns when nothing is left.
func (l *live) end() {
	l.ending.Do(func() {
		l.link.end(l.over(), func() { _ = l.session.Close() })
		l.waits.Wait()
	})
}

// ask lists what the server has.
func (l *live) ask(ctx context.Context) (Offer, error) {
	var o Offer
	init := l.session.InitializeResult()
	if init == nil || init.Capabilities == nil {
		return o, nil
	}
	can := init.Capabilities
	o.Instructions = plain.Text(init.Instructions, 4*maxSummary)
	if init.ServerInfo != nil {
		o.Version = plain.Text(init.ServerInfo.Version, 100)
	}
	o.Completion, o.Logging = can.Completions != nil, can.Logging != nil
	if can.Tools != nil {
		if err := l.listTools(ctx, &o); err != nil {
			return o, err
		}
	}
	if can.Prompts != nil {
		l.listPrompts(ctx, &o)
	}
	if can.Resources != nil {
		o.Subscribe = can.Resources.Subscribe
		l.listResources(ctx, &o)
	}
	return o, ctx.Err()
}

func (l *live) listTools(ctx context.Context, o *Offer) error {
	list, err := pages(o, "tools", func(cursor string) ([]*mcp.Tool, string, error) {
		page, err := l.session.ListTools(ctx, &mcp.ListToolsParams{Cursor: cursor})
		if err != nil {
			return nil, "", err
		}
		o.Problems = append(o.Problems, problemsOf(page.Meta)...)
		return page.Tools, page.NextCursor, nil
	})
	switch {
	case err == nil:
	case spoke(err) != nil:
		return told{"it refused to list its tools: " + inWords(err).Error(), err}
	default:
		return fmt.Errorf("cannot list its tools: %w", inWords(err))
	}
	o.Tools = keep(o, "tools", list, nil)
	return nil
}

// listPrompts notes a list that fails as a problem, for the tools can be used without it.
func (l *live) listPrompts(ctx context.Context, o *Offer) {
	list, err := pages(o, "prompts", func(cursor string) ([]*mcp.Prompt, string, error) {
		page, err := taken(l.session.ListPrompts(ctx, &mcp.ListPromptsParams{Cursor: cursor}))
		if err != nil {
			return nil, "", err
		}
		return page.Prompts, page.NextCursor, nil
	})
	o.Prompts = keep(o, "prompts", list, err)
}

func (l *live) listResources(ctx context.Context, o *Offer) {
	list, err := pages(o, "resources", func(cursor string) ([]*mcp.Resource, string, error) {
		page, err := taken(l.session.ListResources(ctx, &mcp.ListResourcesParams{Cursor: cursor}))
		if err != nil {
			return nil, "", err
		}
		return page.Resources, page.NextCursor, nil
	})
	o.Resources = keep(o, "resources", list, err)
	templates, err := pages(o, "resource templates", func(cursor string) ([]*mcp.ResourceTemplate, string, error) {
		page, err := taken(l.session.ListResourceTemplates(ctx, &mcp.ListResourceTemplatesParams{Cursor: cursor}))
		if err != nil {
			return nil, "", err
		}
		return page.ResourceTemplates, page.NextCursor, nil
	})
	o.Templates = keep(o, "resource templates", templates, err)
}

// pages reads a list page by page, bounded. What is left unread is told as a problem.
func pages[T any](o *Offer, part string, page func(cursor string) ([]*T, string, error)) ([]*T, error) {
	var list []*T
	cursor := ""
	for range maxPages {
		items, next, err := page(cursor)
		if err != nil {
			return list, err
		}
		for _, item := range items {
			if item != nil {
				list = append(list, item)
			}
		}
		switch {
		case next == "" || next == cursor || len(list) > maxItems: // too many are told by keep
			return list, nil
		case len(list) == maxItems:
			o.Problems = append(o.Problems, Problem{Part: part, Error: fmt.Sprintf("it lists more than %d %s; the first %d were taken", maxItems, part, maxItems)})
			return list, nil
		}
		cursor = next
	}
	o.Problems = append(o.Problems, Problem{
		Part: part, Error: fmt.Sprintf("it lists its %s on more than %d pages; the %d of the first %d were taken", part, maxPages, len(list), maxPages),
	})
	return list, nil
}

func keep[T any](o *Offer, part string, list []*T, err error) []*T {
	if err != nil {
		text := inWords(err).Error()
		if spoke(err) != nil {
			text = "it refused to list its " + part + ": " + text
		}
		o.Problems = append(o.Problems, Problem{Part: part, Error: plain.Text(text, 1000)})
	}
	if len(list) > maxItems {
		o.Problems = append(o.Problems, Problem{Part: part, Error: fmt.Sprintf("it lists %d %s; the first %d were taken", len(list), part, maxItems)})
		list = list[:maxItems]
	}
	return list
}

// problemsOf reads what the Python host says about modules that did not load.
func problemsOf(meta mcp.Meta) []Problem {
	said, ok := meta["holdfast/problems"]
	if !ok {
		return nil
	}
	var found []struct{ Module, Error, Traceback string }
	raw, err := json.Marshal(said)
	if err != nil || json.Unmarshal(raw, &found) != nil {
		return nil
	}
	var problems []Problem
	for _, f := range found[:min(len(found), 100)] {
		problems = append(problems, Problem{
			Part: plain.Text(f.Module, 200), Error: plain.Text(f.Error, 1000), Traceback: plain.Text(f.Traceback, 8<<10),
		})
	}
	return problems
}
