// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"holdfast"
	"holdfast/core/journal/journaltest"
)

// A halting journal takes so many entries of each lot, and then refuses.
type halting struct {
	journaltest.Journal
	takes, lots int
}

func (h *halting) AppendAll(ctx context.Context, entries []holdfast.Entry) (int, error) {
	h.lots++
	n := min(h.takes, len(entries))
	for _, e := range entries[:n] {
		if _, err := h.Append(ctx, e); err != nil {
			return 0, err
		}
	}
	if n < len(entries) {
		return n, errors.New("disk full")
	}
	return n, nil
}

func TestScribeGoesOnWhereTheJournalHalted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := &halting{takes: 7}
		s := newScribe(book, slog.New(slog.DiscardHandler))
		for i := range 100 {
			s.journal(holdfast.Entry{Action: "unit.state", Subject: fmt.Sprintf("%03d", i)})
		}
		closed := make(chan struct{})
		go s.keep(closed)
		<-time.After(time.Minute)
		close(closed)
		synctest.Wait()
		if len(book.Entries()) != 100 {
			t.Fatalf("%d entries", len(book.Entries()))
		}
		for i, e := range book.Entries() {
			if e.Subject != fmt.Sprintf("%03d", i) || e.Caller != "house:supervisor" {
				t.Fatalf("entry %d is %+v", i, e)
			}
		}
	})
}

func TestScribeWritesTogether(t *testing.T) {
	book := &halting{takes: togetherMost}
	s := newScribe(book, slog.New(slog.DiscardHandler))
	for i := range 500 {
		s.journal(holdfast.Entry{Action: "unit.state", Subject: fmt.Sprint(i)})
	}
	s.flush()
	if book.lots != 8 || len(book.Entries()) != 500 {
		t.Errorf("%d entries in %d lots", len(book.Entries()), book.lots)
	}
}
