// SPDX-License-Identifier: Apache-2.0

package problem_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"holdfast"
	"holdfast/surface/problem"
)

func TestErrorsComeBackAsTheyWere(t *testing.T) {
	wrong := holdfast.Problem{Field: "name", Message: "is empty", Remedy: "want a word"}
	for _, err := range []error{
		holdfast.BadInput("bad input", wrong, wrong),
		holdfast.BadInput("", wrong),
		holdfast.Errorf(holdfast.CodeNotFound, "no such thing"),
		fmt.Errorf("cannot go on: %w", holdfast.Errorf(holdfast.CodeConflict, "taken")),
		&holdfast.Refusal{Guard: "breaker", Reason: "halted", Remedy: "resume", RetryAfter: 1500 * time.Millisecond},
		&holdfast.Unconfirmed{Inventory: holdfast.Inventory{Action: "thing.delete", Token: "x"}, Reason: "not confirmed yet"},
		&holdfast.Pending{ID: "abc"},
		errors.New("it broke"),
	} {
		w := httptest.NewRecorder()
		problem.Write(w, err)
		got := problem.Read(w.Code, w.Body.Bytes())
		want := err
		if known, ok := errors.AsType[*holdfast.Error](err); ok {
			want = known
		}
		if got.Error() != want.Error() {
			t.Errorf("%q came back as %q", want, got)
		}
	}
}

func TestWhatIsNoProblemDocumentIsShown(t *testing.T) {
	if err := problem.Read(502, []byte("<html>")); err == nil || err.Error() != "the house answered HTTP 502: <html>" {
		t.Errorf("got %v", err)
	}
}
