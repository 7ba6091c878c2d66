// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"testing"

	"holdfast/core/store"
)

// reserved is what the log says of calls under way: how many, and how many tokens they hold.
func reserved(t testing.TB, l *Ledger) (calls, tokens int64) {
	t.Helper()
	var at position
	err := l.needs.Store.Read(t.Context(), func(ctx context.Context, tx store.Tx) (err error) {
		at, err = positionOf(ctx, tx, l.needs.Node)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	left, err := leftIn(l.needs.Dir, at)
	if err != nil || len(left.found.Damage) > 0 || left.strange > 0 {
		t.Fatalf("%+v, %v", left.found, err)
	}
	for _, row := range left.open {
		calls, tokens = calls+1, tokens+row.Usage.Total()
	}
	return calls, tokens
}

// crash ends a ledger as SIGKILL does: what is not written yet is in the log or nowhere.
func crash(l *Ledger) {
	l.mu.Lock()
	l.started = false
	l.mu.Unlock()
	l.write.mu.Lock()
	l.write.queue, l.write.closed = nil, true
	l.write.mu.Unlock()
	close(l.write.giveUp)
	<-l.write.gone
	_ = l.log.Close(false)
}
