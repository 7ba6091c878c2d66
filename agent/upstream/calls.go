// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/plain"
)

// maxUnsaid is how many words of a server wait for a slow peer; what comes when it is full is dropped.
const maxUnsaid = 256

// calls are the calls under way with a server that somebody made who can be told and asked.
//
// What a server says or asks names no call, except progress, which bears a token of our own a call.
// So the rest goes to the only call under way; where several are, nobody is asked, and from then on
// such calls are made one at a time.
type calls struct {
	mu     sync.Mutex
	next   uint64
	byName map[string]*underway
	turns  chan struct{} // nil until a server asked while several calls were under way
	keeps  time.Duration // how long a call keeps its turn while its client is asked

	questions atomic.Int32 // of the server, that are still to be answered
}

// keepsTurn is long enough for a model to answer. What others ask after it, while the answer is still out,
// is refused, for nobody can tell whose it is; but they are called.
const keepsTurn = 20 * time.Second

func newCalls() *calls { return &calls{byName: map[string]*underway{}, keeps: keepsTurn} }

// an underway is one call and its peer.
type underway struct {
	ctx   context.Context
	peer  Peer
	token string
	said  chan func()
	over  chan struct{} // closed when all was told that was said
}

// open makes a call known, which has a slot of its server. done must be called after its answer: it waits
// until the peer was told all that was said before.
func (c *calls) open(ctx context.Context, peer Peer, slot *seat) (call *underway, done func(), err error) {
	c.mu.Lock()
	turns := c.turns
	c.mu.Unlock()
	leave := func() {}
	if turns != nil {
		turn, err := turnOf(ctx, turns, slot)
		if err != nil {
			return nil, nil, holdfast.Errorf(holdfast.CodeUnavailable,
				"%w: another call is under way, and this server's calls are made one at a time since it asked something without saying for which: %w",
				ErrQueued, err)
		}
		leave, peer = turn.leave, lender{peer, turn, c.keeps}
	}
	peer = lender{peer, slot, 0} // outside of the other, so that the slot comes back last
	call = &underway{ctx: ctx, peer: peer, said: make(chan func(), maxUnsaid), over: make(chan struct{})}
	c.mu.Lock()
	c.next++
	call.token = "call-" + strconv.FormatUint(c.next, 10)
	c.byName[call.token] = call
	c.mu.Unlock()
	go call.tell()
	return call, func() {
		c.mu.Lock()
		delete(c.byName, call.token)
		close(call.said) // under mu, for hear sends under it
		c.mu.Unlock()
		select {
		case <-call.over:
		case <-ctx.Done():
		}
		leave()
	}, nil
}

// turnOf waits for the turn. Who has a slot never waits for the turn: the call whose turn it is may need
// that slot to go on.
func turnOf(ctx context.Context, turns chan struct{}, slot *seat) (*seat, error) {
	slot.lend()
	turn, err := sit(ctx, turns)
	if late := slot.back(ctx); late != nil && err == nil {
		turn.leave()
		return nil, late
	}
	return turn, err
}

func (u *underway) tell() {
	defer close(u.over)
	for say := range u.said {
		if u.ctx.Err() == nil {
			say()
		}
	}
}

// only is the one call under way, and how many there are.
func (c *calls) only() (*underway, int) {
	for _, call := range c.byName {
		return call, len(c.byName)
	}
	return nil, 0
}

// hear takes a message from a server that is progress or a log line, in the order in which it came, so
// that the peer is told before the answer. It tells whether it was one.
func (c *calls) hear(message []byte) bool {
	if !bytes.Contains(message, []byte(`"notifications/`)) {
		return false
	}
	var said struct {
		Method string          `json:"method"`
		ID     json.RawMessage `json:"id"`
		Params json.RawMessage `json:"params"`
	}
	if json.Unmarshal(message, &said) != nil || len(said.ID) > 0 {
		return false
	}
	switch said.Method {
	case "notifications/progress":
		var p mcp.ProgressNotificationParams
		if json.Unmarshal(said.Params, &p) == nil {
			token, _ := p.ProgressToken.(string)
			c.say(token, func(peer Peer) { peer.Progress(&p) })
		}
		return true
	case "notifications/message":
		var p mcp.LoggingMessageParams
		if json.Unmarshal(said.Params, &p) == nil {
			c.say("", func(peer Peer) { peer.Log(&p) })
		}
		return true
	}
	return false
}

// say tells the call of a token, or without one the only call.
func (c *calls) say(token string, what func(Peer)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.byName[token]
	if token == "" {
		if only, n := c.only(); n == 1 {
			call = only
		}
	}
	if call == nil {
		return
	}
	select {
	case call.said <- func() { what(call.peer) }:
	default:
	}
}

// asked finds the call that a server's request belongs to.
func (c *calls) asked() (*underway, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call, n := c.only()
	switch n {
	case 0:
		return nil, refusal("nobody can be asked: no call of a client is under way")
	case 1:
		return call, nil
	}
	if c.turns == nil {
		c.turns = make(chan struct{}, 1)
	}
	return nil, refusal(fmt.Sprintf("cannot tell which of %d calls asks", n))
}

// ask passes a server's request on to the peer of the call under way.
func (c *calls) ask(ctx context.Context, r mcp.InputRequest) (mcp.InputResponse, error) {
	call, err := c.asked()
	if err != nil {
		return nil, err
	}
	c.questions.Add(1)
	defer c.questions.Add(-1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(call.ctx, cancel)()
	return AskPeer(ctx, call.peer, r)
}

// AskPeer asks a peer, if its capabilities allow it. Peers are asked through it alone.
func AskPeer(ctx context.Context, peer Peer, r mcp.InputRequest) (mcp.InputResponse, error) {
	if lacks := lacking(peer.Capabilities(), r); lacks != "" {
		return nil, refusal("the client cannot be asked: it does not support " + lacks)
	}
	return peer.Ask(ctx, r)
}

// lacking is what a client would need for a request, empty when it can be asked.
func lacking(can *mcp.ClientCapabilities, r mcp.InputRequest) string {
	if can == nil {
		can = &mcp.ClientCapabilities{}
	}
	switch r := r.(type) {
	case *mcp.ElicitParams:
		if can.Elicitation == nil {
			return "elicitation"
		}
		if r.Mode == "url" && can.Elicitation.URL == nil {
			return "elicitation by URL"
		}
	case *mcp.CreateMessageParams, *mcp.CreateMessageWithToolsParams:
		if can.Sampling == nil {
			return "sampling"
		}
	case *mcp.ListRootsParams:
		if can.RootsV2 == nil {
			return "roots"
		}
	}
	return ""
}

// refusal is what a server is answered that asks in vain.
func refusal(why string) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: why}
}

// answers hands a server's requests to the peers instead of to the SDK's handlers, which would judge
// and complete what only the client may.
func (c *calls) answers(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		asked, ok := req.GetParams().(mcp.InputRequest)
		if !ok || method != "elicitation/create" && method != "sampling/createMessage" && method != "roots/list" {
			return next(ctx, method, req)
		}
		if roots, ok := asked.(*mcp.ListRootsParams); ok && roots == nil {
			asked = &mcp.ListRootsParams{}
		}
		response, err := c.ask(ctx, asked)
		if err != nil {
			return nil, err
		}
		result, ok := response.(mcp.Result)
		if !ok {
			return nil, refusal(fmt.Sprintf("the client answered with %T", response))
		}
		return result, nil
	}
}

// meta is the metadata of a call: the caller's, with what is the house's own put in its place.
// A nil call is one without a peer.
func (u *underway) meta(of mcp.Meta, era Era) mcp.Meta {
	m := mcp.Meta{}
	maps.Copy(m, of)
	delete(m, mcp.MetaKeyProtocolVersion)
	delete(m, mcp.MetaKeyClientInfo)
	delete(m, mcp.MetaKeyClientCapabilities)
	delete(m, "progressToken")
	if u != nil {
		m["progressToken"] = u.token
	}
	if era == Modern {
		m[mcp.MetaKeyClientCapabilities] = u.capabilities()
		if u != nil && u.peer.Era() == Legacy {
			m[mcp.MetaKeyLogLevel] = "debug" // the client chose its level with the house, which heeds it
		}
	}
	return m
}

// modernCapabilities are a client's as the modern era writes them.
type modernCapabilities struct {
	*mcp.ClientCapabilities
	Roots *mcp.RootCapabilities `json:"roots,omitempty"`
}

// capabilities are what the caller can be asked; without a peer nothing.
func (u *underway) capabilities() modernCapabilities {
	if u == nil || u.peer.Capabilities() == nil {
		return modernCapabilities{ClientCapabilities: &mcp.ClientCapabilities{}}
	}
	can := u.peer.Capabilities()
	return modernCapabilities{ClientCapabilities: can, Roots: can.RootsV2}
}

// wanted is what an answer asks for, in words for an error.
func wanted(asks mcp.InputRequestMap) string {
	for _, r := range asks {
		switch r := r.(type) {
		case *mcp.ElicitParams:
			return "its user (" + plain.Text(r.Message, 300) + ")"
		case *mcp.CreateMessageParams, *mcp.CreateMessageWithToolsParams:
			return "for a model's answer"
		case *mcp.ListRootsParams:
			return "for the client's folders"
		}
	}
	return "to be called again later"
}
