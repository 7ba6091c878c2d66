// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"errors"
	"fmt"
	"sync"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/upstream"
)

// manyWords is how much of what a server says beside its answer may wait for a client that reads
// slowly; what is beyond is left out, so that one client holds up no server.
const manyWords = 256

// a line is the request of a client through which it can be reached. What is sent under its context
// goes where that request is answered.
type line struct {
	ctx     context.Context
	session *sdk.ServerSession
	token   any // of progress; nil when the client wants none
}

// a peer is the client of one call. The line of a modern client is another at each retry, and none
// between two.
type peer struct {
	era          upstream.Era
	capabilities *sdk.ClientCapabilities
	// parks is how a modern client is asked; nil for a legacy one, which is asked over its line.
	parks func(context.Context, sdk.InputRequest) (sdk.InputResponse, error)

	mu    sync.Mutex
	line  *line
	words chan func()   // what is still to be said over the line; nil until something is
	said  chan struct{} // closed when words is done
}

var _ upstream.Peer = (*peer)(nil)

// Era tells which protocol the client speaks.
func (p *peer) Era() upstream.Era { return p.era }

// Capabilities tells what the client can do.
func (p *peer) Capabilities() *sdk.ClientCapabilities { return p.capabilities }

// Progress passes on how far the call is, to a client that asked for it.
func (p *peer) Progress(said *sdk.ProgressNotificationParams) {
	p.say(func(l *line) func() {
		if l.token == nil {
			return nil
		}
		own := *said
		own.ProgressToken = l.token
		return func() { _ = l.session.NotifyProgress(l.ctx, &own) } // who went away misses it
	})
}

// Log passes on a log message, to a client that wants its level.
func (p *peer) Log(said *sdk.LoggingMessageParams) {
	p.say(func(l *line) func() { return func() { _ = l.session.Log(l.ctx, said) } })
}

// say queues what is said over the line, if there is one and room.
func (p *peer) say(word func(*line) func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line == nil {
		return
	}
	send := word(p.line)
	if send == nil {
		return
	}
	if p.words == nil {
		words, said := make(chan func(), manyWords), make(chan struct{})
		p.words, p.said = words, said
		go func() {
			defer close(said)
			for send := range words {
				send()
			}
		}()
	}
	select {
	case p.words <- send:
	default:
	}
}

// hold gives the peer a line.
func (p *peer) hold(l *line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = l
}

// letGo takes the line back, after what was said over it. Nothing is sent over it any more.
func (p *peer) letGo() {
	p.mu.Lock()
	words, said := p.words, p.said
	p.line, p.words, p.said = nil, nil, nil
	p.mu.Unlock()
	if words != nil {
		close(words)
		<-said
	}
}

// Ask puts a server's question to the client, whose capabilities upstream.AskPeer has judged.
func (p *peer) Ask(ctx context.Context, asked sdk.InputRequest) (sdk.InputResponse, error) {
	if p.parks != nil {
		return p.parks(ctx, asked)
	}
	p.mu.Lock()
	l := p.line
	p.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("cannot ask the client: its call has ended")
	}
	bounded, cancel := context.WithTimeoutCause(l.ctx, parkedFor, errUnanswered)
	defer cancel()
	over, giveUp := context.WithCancelCause(bounded)
	defer giveUp(nil)
	defer context.AfterFunc(ctx, cancel)()
	defer whenUncarried(l.ctx, func() { giveUp(errGone) })()
	answer, err := l.put(over, asked)
	if cause := context.Cause(over); err != nil && (errors.Is(cause, errUnanswered) || errors.Is(cause, errGone)) {
		return nil, cause
	}
	return answer, err
}

var (
	errUnanswered = holdfast.Errorf(holdfast.CodeUnavailable, "the client did not answer what it was asked within %s", parkedFor)
	errGone       = holdfast.Errorf(holdfast.CodeUnavailable, "the client went away before it answered what it was asked")
)

// put puts a question over the line and waits for the answer.
func (l *line) put(ctx context.Context, asked sdk.InputRequest) (sdk.InputResponse, error) {
	switch q := asked.(type) {
	case *sdk.ElicitParams:
		return l.session.Elicit(ctx, q)
	case *sdk.CreateMessageParams:
		return l.session.CreateMessage(ctx, q)
	case *sdk.CreateMessageWithToolsParams:
		return l.session.CreateMessageWithTools(ctx, q)
	case *sdk.ListRootsParams:
		return l.session.ListRoots(ctx, q)
	}
	return nil, fmt.Errorf("cannot ask the client: %T is no question that it knows", asked)
}
