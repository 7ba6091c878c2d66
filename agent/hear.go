// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/plain"
	"holdfast/agent/upstream"
)

const (
	// deltaMark tells a piece of an answer from other news of progress.
	deltaMark = "holdfast/delta"
	// newsEvery is the least time between two news of one call's progress; what comes sooner is left out.
	newsEvery = 100 * time.Millisecond
)

// mute is a peer that can be told things, and asked nothing.
type mute struct{}

// Log is for logs, which the host has of its own.
func (mute) Log(*mcp.LoggingMessageParams) {}

// Ask is refused: there is nobody to ask.
func (mute) Ask(context.Context, mcp.InputRequest) (mcp.InputResponse, error) {
	return nil, errors.New("an agent cannot be asked back")
}

// Era is the one that the host speaks.
func (mute) Era() upstream.Era { return upstream.Legacy }

// Capabilities are none.
func (mute) Capabilities() *mcp.ClientCapabilities { return &mcp.ClientCapabilities{} }

// a listener hears what an agent of the home says while it works.
type listener struct {
	mute
	out  answer
	mu   sync.Mutex
	said bool
}

// Progress hands on the pieces of an answer.
func (l *listener) Progress(p *mcp.ProgressNotificationParams) {
	if p.Meta[deltaMark] != true || p.Message == "" {
		return
	}
	l.mu.Lock()
	l.said = true
	l.mu.Unlock()
	l.out.text(p.Message)
}

func (l *listener) heard() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said
}

// a teller shows the client how far a tool is that its agent called.
type teller struct {
	mute
	out  answer
	call toolEvent
	mu   sync.Mutex
	last time.Time
	all  bool // it told its end, which it may once at any time
}

// Progress shows the news, which are a tool's words: for the client, and never for the model.
func (t *teller) Progress(p *mcp.ProgressNotificationParams) {
	if p.Meta[deltaMark] == true {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now, whole := time.Now(), p.Total > 0 && p.Progress >= p.Total
	if now.Sub(t.last) < newsEvery && (t.all || !whole) {
		return
	}
	t.last, t.all = now, t.all || whole
	news := t.call
	news.Progress = &progress{Done: p.Progress, Total: p.Total, Message: plain.Show(plain.Text(p.Message, 1<<10))}
	t.out.tool(news)
}
