// SPDX-License-Identifier: Apache-2.0

// Package streamtest is what the tests of the dialects' streams share: the steps of a stream in words,
// and a reader that hands out a few bytes at a time.
//
// It is for tests of single dialects, which may not import dialecttest, for that imports them. It
// judges the order of steps, never a dialect.
package streamtest

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
)

// Told writes the steps of a stream as words, and judges their order: one part after another, counted
// from 0, each closed before the stop.
func Told(t testing.TB, events []dialect.Event) string {
	t.Helper()
	var b strings.Builder
	open, next, stopped := false, 0, false
	for i, e := range events {
		switch e.Kind {
		case dialect.EventStart:
			if i != 0 {
				t.Fatalf("a start as step %d", i)
			}
		case dialect.EventBegin:
			if open || stopped || e.Index != next {
				t.Fatalf("part %d begins out of turn, %d is next, open %v", e.Index, next, open)
			}
			open = true
			fmt.Fprintf(&b, "[%d", e.Part.Kind)
			if e.Part.Call != nil {
				fmt.Fprintf(&b, " %s %s", e.Part.Call.ID, e.Part.Call.Name)
			}
			if e.Part.Thinking != nil && e.Part.Thinking.Redacted != "" {
				b.WriteString(" redacted " + e.Part.Thinking.Redacted)
			}
			b.WriteString(":")
		case dialect.EventDelta, dialect.EventSigned, dialect.EventEnd:
			if !open || e.Index != next {
				t.Fatalf("step %d of part %d stands outside of it", e.Kind, e.Index)
			}
			if e.Kind == dialect.EventSigned {
				b.WriteString("~")
			}
			b.WriteString(e.Text)
			if e.Kind == dialect.EventEnd {
				open, next = false, next+1
				b.WriteString("]")
			}
		case dialect.EventStop:
			if open || stopped {
				t.Fatal("a stop out of turn")
			}
			stopped = true
			b.WriteString(" " + string(e.Stop))
		case dialect.EventUsage:
			fmt.Fprintf(&b, " %d+%d", e.Usage.Input, e.Usage.Output)
		case dialect.EventFailure:
			b.WriteString(" failed: " + e.Failure.Message)
		case dialect.EventDone:
			if !stopped || i != len(events)-1 {
				t.Fatal("done out of turn")
			}
			b.WriteString(" done")
		}
	}
	return b.String()
}

// Pieces reads Rest, at most Size bytes at a time.
type Pieces struct {
	Rest []byte
	Size int
}

// Read hands out the next piece.
func (p *Pieces) Read(b []byte) (int, error) {
	if len(p.Rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.Rest[:min(p.Size, len(p.Rest))])
	p.Rest = p.Rest[n:]
	return n, nil
}
