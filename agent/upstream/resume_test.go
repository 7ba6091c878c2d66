// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/holdfasttest/timing"
)

// resumed is a server of a kind that was known before, running until the test ends.
func resumed(t *testing.T, kind string, known Offer, change func(*Needs)) *bench {
	t.Helper()
	b := standing(t, kind, change)
	b.Resume(known)
	return b.up()
}

// A server that was known before has no process until it is used, however many use it at once, and one
// from then on.
func TestAKnownServerStartsAtItsFirstUse(t *testing.T) {
	b := resumed(t, "good", Offer{Version: "1", Tools: []*mcp.Tool{{Name: "before"}}}, nil)
	<-b.Tried()
	if s := b.Status(); s.State != StateResting || s.Starts != 0 || b.left() != 0 || b.Trouble() != nil {
		t.Fatalf("unused it stands as %+v, with %d processes", s, b.left())
	}
	if o := b.Offer(); len(o.Tools) != 1 || o.Tools[0].Name != "before" || o.Version != "1" {
		t.Fatalf("it offers %+v", o)
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { b.echo("x") })
	}
	group.Wait()
	if s := b.Status(); s.State != StateServing || s.Starts != 1 || b.launches() != 1 {
		t.Errorf("used it stands as %+v, with %d launches", s, b.launches())
	}
	if o := b.Offer(); len(o.Tools) < 2 || o.Version != "3" {
		t.Errorf("it offers %+v", o)
	}
}

func TestAKnownServerStartsWhenItIsRestarted(t *testing.T) {
	b := resumed(t, "good", Offer{}, nil)
	b.Restart()
	<-b.Tried()
	if s := b.Status(); s.State != StateServing || s.Starts != 1 {
		t.Errorf("it stands as %+v", s)
	}
}

func TestAKnownServerThatIsNeverUsedEnds(t *testing.T) {
	b := resumed(t, "good", Offer{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Call(ctx, Request{Name: "echo"}); err == nil {
		t.Error("a call that was given up was answered")
	}
}

// A use is checked once the server serves, against what it offers by then, and is not made when that
// refuses it.
func TestAUseIsCheckedWhenTheServerServes(t *testing.T) {
	var known atomic.Int64 // how many tools were there when a change was last told
	var b *bench
	up, checked := make(chan struct{}), make(chan struct{})
	b = resumed(t, "good", Offer{}, func(n *Needs) {
		n.Changed = func() {
			<-up
			if b.Status().State == StateServing {
				<-checked // what is told of a server that serves may be heard after the call's turn
			}
			known.Store(int64(len(b.Offer().Tools)))
		}
	})
	close(up)
	refusal := holdfast.Errorf(holdfast.CodeConflict, "it is another")
	var seen int64
	_, err := b.Call(t.Context(), Request{Name: "crash", Still: func() error {
		seen = known.Load()
		close(checked)
		return refusal
	}})
	if !errors.Is(err, refusal) || seen == 0 || b.Status().State != StateServing {
		t.Errorf("error is %v after %d tools were seen; it stands as %+v", err, seen, b.Status())
	}
}

// Each process is told of before it starts, and what it offers, or why nothing, with it.
func TestOffersAreToldByTheProcess(t *testing.T) {
	var mu sync.Mutex
	var told []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, what)
	}
	has := func(want ...string) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			for i, what := range want {
				if i >= len(told) || told[i] != what {
					return false
				}
			}
			return true
		}
	}
	begins := func(n *Needs) {
		n.Begins = func() func(Offer, error) {
			note("begins")
			return func(o Offer, err error) {
				switch {
				case err != nil:
					note("failed")
				case len(o.Tools) > 0:
					note("offers")
				}
			}
		}
	}
	b := started(t, "grow", begins)
	b.must("grow", `{}`)
	timing.Until(t, "the second list is told", has("begins", "offers", "offers"))
	b.old()
	b.kill()
	timing.Until(t, "the second process is told", has("begins", "offers", "offers", "begins", "offers"))

	told = nil
	started(t, "dead", begins)
	timing.Until(t, "the failure is told", has("begins", "failed"))
}
