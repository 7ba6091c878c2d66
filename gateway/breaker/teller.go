// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/gateway/breaker/judge"
)

// change is what a change of thresholds is journaled with.
type change struct {
	Old judge.Thresholds `json:"old"`
	New judge.Thresholds `json:"new"`
}

// A teller writes down what the breaker did: from Run when the house runs, so that neither disk nor
// journal can hold up a HALT.
type teller struct {
	files   files
	journal journal
	log     *slog.Logger
	started atomic.Bool
	queue   chan event
}

func (t *teller) announce(e event) {
	if t.started.Load() {
		select {
		case t.queue <- e:
			return
		default: // the telling is stuck: what matters is done
			t.log.Error("cannot record what the breaker did: too much is waiting", "event", e.Event, "reason", e.Reason)
			return
		}
	}
	t.record(context.Background(), e)
}

func (t *teller) drain(ctx context.Context) {
	for {
		select {
		case e := <-t.queue:
			t.record(ctx, e)
		default:
			return
		}
	}
}

// record writes an event to the history and the journal.
func (t *teller) record(ctx context.Context, e event) {
	if err := t.files.remember(e); err != nil {
		t.log.Error("cannot write the breaker's history", "error", err)
	}
	detail, err := json.Marshal(e)
	if err != nil || t.journal == nil || e.journaled {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	caller := holdfast.Internal("breaker", "breaker.tick")
	_, err = t.journal.Append(ctx, holdfast.Entry{
		Caller: caller.String(), Tier: caller.Tier, Action: "breaker." + e.Event, Subject: "house",
		Outcome: holdfast.OutcomeNoted, Detail: detail,
	})
	if err != nil {
		t.log.Error("cannot journal what the breaker did", "event", e.Event, "error", err)
	}
}
