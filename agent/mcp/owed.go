// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"encoding/json"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// owed is what a client asked over its connection and has no answer to.
type owed struct {
	mu   sync.Mutex
	by   map[jsonrpc.ID]*debt
	paid chan struct{} // one less is owed
}

type debt struct {
	cancelled bool   // by the client, which wants no answer any more
	batch     *batch // that it came in, nil for one that came alone
}

// batch is of requests that came in one list, and whose answers go in one.
type batch struct {
	open    int // not answered yet
	answers []json.RawMessage
}

func newOwed() *owed { return &owed{by: map[jsonrpc.ID]*debt{}, paid: make(chan struct{}, 1)} }

// note takes up what came together. It takes up nothing and answers false where two requests could not
// be told apart by their answers.
func (o *owed) note(b *batch, messages ...jsonrpc.Message) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	calls := map[jsonrpc.ID]*debt{}
	for _, message := range messages {
		asked, ok := message.(*jsonrpc.Request)
		// A subscription has no answer but its end.
		if !ok || !asked.IsCall() || asked.Method == "subscriptions/listen" {
			continue
		}
		if calls[asked.ID] != nil || o.by[asked.ID] != nil {
			return false
		}
		calls[asked.ID] = &debt{batch: b}
	}
	for id, due := range calls {
		o.by[id] = due
	}
	if b != nil {
		b.open = len(calls)
	}
	for _, message := range messages {
		if told, ok := message.(*jsonrpc.Request); ok && told.Method == "notifications/cancelled" {
			o.cancel(told.Params)
		}
	}
	return true
}

// cancel is for who holds the lock.
func (o *owed) cancel(params json.RawMessage) {
	var of struct {
		ID any `json:"requestId"`
	}
	if json.Unmarshal(params, &of) != nil {
		return
	}
	if id, err := jsonrpc.MakeID(of.ID); err == nil && o.by[id] != nil {
		o.by[id].cancelled = true
	}
}

// pay tells what to do with an answer: write it alone, or write the list that it completed, or neither.
func (o *owed) pay(answer *jsonrpc.Response) (alone bool, list []json.RawMessage, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	due := o.by[answer.ID]
	if due == nil {
		return true, nil, nil
	}
	// Before it is written: whoever reads it may use the id again.
	delete(o.by, answer.ID)
	select {
	case o.paid <- struct{}{}:
	default:
	}
	unwanted := due.cancelled && answer.Error != nil
	if due.batch == nil {
		return !unwanted, nil, nil
	}
	due.batch.open--
	if !unwanted {
		said, err := jsonrpc.EncodeMessage(answer)
		if err != nil {
			return false, nil, err
		}
		due.batch.answers = append(due.batch.answers, said)
	}
	if due.batch.open > 0 {
		return false, nil, nil
	}
	return false, due.batch.answers, nil
}

func (o *owed) any() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.by) > 0
}
