// SPDX-License-Identifier: Apache-2.0

// Package notify tells the service manager how the house stands, in systemd's protocol sd_notify:
// ready, status, alive, handing over, stopping.
//
// It is not for installing a service (units/service) nor for watching the house where no manager
// does (units/watch). It guarantees that a sign of life is sent only when the house's loop went on
// since the last one, so that a hung house is restarted. Without NOTIFY_SOCKET it does nothing.
// app wires it as a capability; the upgrade tells it that the process goes on as another program.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"holdfast/core/house"
)

const (
	// lookAgain is how often readiness is looked for.
	lookAgain = 20 * time.Millisecond
	// retell is how often the status is worded anew.
	retell = 5 * time.Second
	// handOverWithin is what the manager's watchdog grants a handover: everything but the units
	// stops, and starts again.
	handOverWithin = 5 * time.Minute
)

// A beat counts how often the house's loop went round.
type beat interface{ Advanced() uint64 }

// Options say what there is to tell; nil fields tell nothing.
type Options struct {
	// Ready tells that the house answers.
	Ready func() bool
	// Beat is the house's loop; without it the manager hears no sign of life.
	Beat beat
	// Status words how the house stands, in one line.
	Status func() string
	// Getenv reads the environment; os.Getenv when nil.
	Getenv func(string) string
	Log    *slog.Logger
}

// A Notifier tells the service manager.
type Notifier struct {
	options Options

	mu      sync.Mutex
	line    *Line
	leaving bool // the process goes on as another program
}

// New makes a notifier. It touches nothing.
func New(o Options) *Notifier {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Notifier{options: o}
}

// Capability is what the notifier contributes to the house.
func (n *Notifier) Capability() house.Capability {
	return house.Capability{Name: "notify", Run: n.run, Reason: "it only tells how those before it stand"}
}

// HandOver tells that the process goes on as another program: reloading, in the words of systemd.
// The watchdog is given time, for nothing beats until the new program is up; that one sets it back.
func (n *Notifier) HandOver() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leaving = true
	return n.line.Send(append(reloading(), "STATUS=handing over to another version",
		fmt.Sprintf("WATCHDOG_USEC=%d", handOverWithin.Microseconds()))...)
}

func (n *Notifier) run(ctx context.Context) error {
	line, err := Open(n.options.Getenv)
	if err != nil {
		n.options.Log.Warn("the service manager hears nothing of this house", slog.Any("error", err))
	}
	if line == nil {
		<-ctx.Done()
		return nil
	}
	n.mu.Lock()
	n.line = line
	n.mu.Unlock()
	n.tell(ctx)
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.leaving {
		n.said(line.Send("STOPPING=1", "STATUS=stopping every unit"))
	}
	n.line = nil
	return line.Close()
}

// tell says that the house is ready once it is, then that it lives, until ctx ends.
func (n *Notifier) tell(ctx context.Context) {
	if !n.awaitReady(ctx) {
		return
	}
	dog, status := watchdog(n.options.Getenv), n.status()
	states := append([]string{"READY=1", fmt.Sprintf("MAINPID=%d", os.Getpid())}, status...)
	if dog > 0 { // a handover may have stretched it
		states = append(states, fmt.Sprintf("WATCHDOG_USEC=%d", dog.Microseconds()))
	}
	n.said(n.line.Send(states...))
	pulse := pulse{beat: n.options.Beat}
	// Twice as often as systemd advises: a beat that came just after a look is told in time.
	every := retell
	if dog > 0 {
		every = min(dog/4, retell)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	told := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			var news []string
			if dog > 0 && pulse.felt() {
				news = append(news, "WATCHDOG=1")
			}
			if now.Sub(told) >= retell {
				told, news = now, append(news, n.status()...)
			}
			n.report(news)
		}
	}
}

func (n *Notifier) report(news []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(news) > 0 && !n.leaving {
		n.said(n.line.Send(news...))
	}
}

func (n *Notifier) awaitReady(ctx context.Context) bool {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for n.options.Ready != nil && !n.options.Ready() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return ctx.Err() == nil
}

func (n *Notifier) status() []string {
	if n.options.Status == nil {
		return nil
	}
	return []string{"STATUS=" + n.options.Status()}
}

// said notes what could not be told; the manager then acts by itself, which is its office.
func (n *Notifier) said(err error) {
	if err != nil {
		n.options.Log.Warn("the service manager was not told", slog.Any("error", err))
	}
}

// A pulse tells whether the house's loop went on since it was felt last.
type pulse struct {
	beat beat
	last uint64
	any  bool
}

func (p *pulse) felt() bool {
	if p.beat == nil {
		return false
	}
	now := p.beat.Advanced()
	moved := !p.any || now != p.last
	p.last, p.any = now, true
	return moved
}
