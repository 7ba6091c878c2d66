// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
)

const (
	// parkedFor is how long a call waits for its client's answer.
	parkedFor = 5 * time.Minute
	// parkedMost bounds the calls that wait, parkedEach those of one caller.
	parkedMost = 256
	parkedEach = 32
	// parkedMark begins the states of the house, so that those of servers pass by.
	parkedMark = "holdfast-parked."
	// question is the name of the one thing that is asked at a time.
	question = "input"
)

// A call of a modern client whose server speaks the legacy protocol and asks in the middle of it:
//
//	running ──server asks──▶ asking ──answer to the client──▶ parked ──retry──▶ running ──▶ done
//	                                                            └─ 5 min, stop, its face ends ──▶ ended
//
// a lot is where such calls are parked.
type lot struct {
	mu    sync.Mutex
	calls map[string]*call // by state
	over  bool
}

// a call runs apart from the requests of its client, of which it may take several.
type call struct {
	owner  string // who may come back for it, and with what
	peer   *peer
	cancel context.CancelFunc
	asks   chan inquiry
	done   chan struct{}
	answer any // with err once done is closed
	err    error

	asked  inquiry   // what it is parked with; under lot.mu, like the next two
	until  time.Time // for how long: asking again gives no more time
	expiry *time.Timer
}

// an inquiry is a server's question under way.
type inquiry struct {
	request sdk.InputRequest
	reply   chan sdk.InputResponse
}

// An asking is the state in which a call was left, and what its client is asked.
type asking struct {
	state   string
	request sdk.InputRequest
}

// start runs a call that may ask its client, which hears over its line what is said from the beginning on.
func (l *lot) start(ctx context.Context, owner string, p *peer, over *line, run func(context.Context) (any, error)) *call {
	c := &call{owner: owner, peer: p, asks: make(chan inquiry), done: make(chan struct{})}
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.parks = c.ask
	p.hold(over)
	go func() {
		defer close(c.done)
		defer c.cancel()
		c.answer, c.err = run(ctx)
	}()
	return c
}

// ask waits until the client has come back with an answer.
func (c *call) ask(ctx context.Context, request sdk.InputRequest) (sdk.InputResponse, error) {
	q := inquiry{request, make(chan sdk.InputResponse, 1)}
	select {
	case c.asks <- q:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-c.done:
		return nil, errEnded
	}
	select {
	case answer, ok := <-q.reply:
		if !ok {
			return nil, holdfast.Errorf(holdfast.CodeUnavailable, "too many calls wait for their clients' answers already")
		}
		return answer, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

var errEnded = errors.New("the call has ended")

// follow waits, for one request of the client, until the call is done or asks. A client that goes
// away ends its call.
func (l *lot) follow(c *call, over *line) (any, *asking, error) {
	c.peer.hold(over)
	defer c.peer.letGo()
	for {
		select {
		case <-c.done:
			return c.answer, nil, c.err
		case <-over.ctx.Done():
			c.cancel()
			return nil, nil, context.Cause(over.ctx)
		case q := <-c.asks:
			if state := l.park(c, q); state != "" {
				asked, err := l.left(c, asking{state, q.request}, over)
				return nil, asked, err
			}
			close(q.reply)
		}
	}
}

// left is what the client is asked whose call was just parked. A call whose client or face has ended
// meanwhile, so that nobody will come back for it, ends too.
func (l *lot) left(c *call, asked asking, over *line) (*asking, error) {
	if over.ctx.Err() != nil && l.take(asked.state, c.owner) != nil {
		c.cancel()
		return nil, context.Cause(over.ctx)
	}
	return &asked, nil
}

// park keeps a call until its client comes back; it answers no state where there is no room.
func (l *lot) park(c *call, q inquiry) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	each := 0
	for _, other := range l.calls {
		if other.face() == c.face() {
			each++
		}
	}
	if l.over || len(l.calls) >= parkedMost || each >= parkedEach {
		return ""
	}
	state := parkedMark + rand.Text()
	if l.calls == nil {
		l.calls = map[string]*call{}
	}
	l.calls[state] = c
	if c.asked.reply != q.reply {
		c.asked, c.until = q, time.Now().Add(parkedFor)
	}
	c.expiry = time.AfterFunc(time.Until(c.until), func() {
		if l.take(state, c.owner) != nil {
			c.cancel()
		}
	})
	return state
}

// ownerEnd ends what of an owner is the caller.
const ownerEnd = "\x00call\x00"

func (c *call) face() string {
	face, _, _ := strings.Cut(c.owner, ownerEnd)
	return face
}

// take hands a parked call to whom it belongs; nil when there is none of that state.
func (l *lot) take(state, owner string) *call {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.calls[state]
	if c == nil || c.owner != owner {
		return nil
	}
	delete(l.calls, state)
	c.expiry.Stop()
	return c
}

// resume finds the call that a retry means, nil when the state is not of the house. Who comes back
// without the answer is asked again.
func (l *lot) resume(state, owner string, over *line, answers sdk.InputResponseMap) (*call, *asking, error) {
	if !strings.HasPrefix(state, parkedMark) {
		return nil, nil, nil
	}
	c := l.take(state, owner)
	if c == nil {
		return nil, nil, &jsonrpc.Error{
			Code:    jsonrpc.CodeInvalidParams,
			Message: "invalid requestState: no call of yours waits for this; it may have waited too long. Call again without it",
		}
	}
	answer, ok := answers[question]
	if !ok {
		q := c.asked // for once it is parked, the call is whose who comes back
		again := l.park(c, q)
		if again == "" {
			c.cancel()
			return nil, nil, errEnded
		}
		asked, err := l.left(c, asking{again, q.request}, over)
		return nil, asked, err
	}
	if !fits(c.asked.request, answer) {
		c.cancel()
		return nil, nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "invalid inputResponses: " + question + " is no answer to what was asked"}
	}
	c.peer.hold(over) // before the call goes on
	c.asked.reply <- answer
	return c, nil, nil
}

// fits tells whether an answer is of the kind that a question wants.
func fits(asked sdk.InputRequest, answer sdk.InputResponse) bool {
	ok := false
	switch asked.(type) {
	case *sdk.ElicitParams:
		_, ok = answer.(*sdk.ElicitResult)
	case *sdk.ListRootsParams:
		_, ok = answer.(*sdk.ListRootsResult)
	case *sdk.CreateMessageParams, *sdk.CreateMessageWithToolsParams:
		switch answer.(type) {
		case *sdk.CreateMessageResult, *sdk.CreateMessageWithToolsResult:
			ok = true
		}
	}
	return ok
}

// close ends every parked call.
func (l *lot) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for state := range l.calls {
		l.drop(state)
	}
}

// end ends the parked calls of a face.
func (l *lot) end(face string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for state, c := range l.calls {
		if c.face() == face {
			l.drop(state)
		}
	}
}

// drop ends a parked call. Call it under the lock.
func (l *lot) drop(state string) {
	c := l.calls[state]
	delete(l.calls, state)
	c.expiry.Stop()
	c.cancel()
}

// has tells whether calls of a face are parked.
func (l *lot) has(face string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calls {
		if c.face() == face {
			return true
		}
	}
	return false
}
