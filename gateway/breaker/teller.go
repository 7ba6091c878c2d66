// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/gateway/breaker/halt"
	"holdfast/gateway/breaker/judge"
)

// change is what a change of thresholds is journaled with.
type change struct {
	Old judge.Thresholds `json:"old"`
	New judge.Thresholds `json:"new"`
}

// An announcement is an event on its way.
type announcement struct {
	halt.Event
	// journaled events were journaled by the waist as the action that they are.
	journaled bool
}

// A teller writes down what the breaker did: from Run when the house runs, so that neither disk nor
// journal can hold up a HALT.
type teller struct {
	files   halt.Files
	journal journal
	log     *slog.Logger
	started atomic.Bool
	queue   chan announcement

	mu      sync.Mutex
	entered map[int64]bool // the HALTs in the journal, by when they were raised: one may be told twice
}

func (t *teller) announce(e halt.Event) { t.send(announcement{Event: e}) }

func (t *teller) send(a announcement) {
	if !t.started.Load() {
		t.record(context.Background(), a)
		return
	}
	select {
	case t.queue <- a:
	default: // the telling is stuck: what matters is done
		t.log.Error("cannot record what the breaker did: too much is waiting", "event", a.Event.Event, "reason", a.Reason)
	}
}

func (t *teller) drain(ctx context.Context) {
	for {
		select {
		case a := <-t.queue:
			t.record(ctx, a)
		default:
			return
		}
	}
}

// record writes an event to the history and the journal. What cannot be journaled is left for later.
func (t *teller) record(ctx context.Context, a announcement) {
	if !t.told(a.Event) {
		if err := t.files.Diary().Tell(a.Event); err != nil {
			t.log.Error("cannot write the breaker's history", "error", err)
		}
	}
	if a.journaled {
		return
	}
	if err := t.enter(ctx, a.Event); err != nil {
		t.log.Error("cannot journal what the breaker did, it is tried again", "event", a.Event.Event, "error", err)
		if err := t.files.Diary().Leave(a.Event); err != nil {
			t.log.Error("cannot leave what the breaker did to be journaled", "error", err)
		}
	}
}

// told tells whether the watch, which tells of its own, wrote the history already.
func (t *teller) told(e halt.Event) bool {
	if e.Event != halt.EventHalt || e.By != "watch" {
		return false
	}
	last, err := t.files.Diary().History(20)
	return err == nil && slices.ContainsFunc(last, func(o halt.Event) bool {
		return o.Event == e.Event && o.Flag != nil && o.Flag.Since.Equal(e.Flag.Since)
	})
}

// again tells whether a HALT was journaled already, and that it is now.
func (t *teller) again(e halt.Event) bool {
	if e.Event != halt.EventHalt || e.Flag == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := e.Flag.Since.UnixNano()
	was := t.entered[at]
	if len(t.entered) > 1000 {
		clear(t.entered)
	}
	t.entered[at] = true
	return was
}

// enter journals an event.
func (t *teller) enter(ctx context.Context, e halt.Event) error {
	if t.journal == nil || t.again(e) {
		return nil
	}
	detail, err := json.Marshal(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	caller := holdfast.Internal("breaker", "breaker.tick")
	_, err = t.journal.Append(ctx, holdfast.Entry{
		Caller: caller.String(), Tier: caller.Tier, Action: "breaker." + e.Event, Subject: e.Scope().Subject(),
		Outcome: holdfast.OutcomeNoted, Detail: detail,
	})
	if err != nil && e.Flag != nil {
		t.mu.Lock()
		delete(t.entered, e.Flag.Since.UnixNano())
		t.mu.Unlock()
	}
	return err
}

// catchUp journals what was told while no house could.
func (t *teller) catchUp(ctx context.Context) {
	if t.journal == nil {
		return
	}
	if err := t.files.Diary().Untold(func(e halt.Event) error { return t.enter(ctx, e) }); err != nil {
		t.log.Error("cannot journal what was told while no house ran, it is tried again", "error", err)
	}
}
