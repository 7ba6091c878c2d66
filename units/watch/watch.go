// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"holdfast/core/home"
	"holdfast/core/process"
)

const (
	lookAtLeast = 200 * time.Millisecond
	lookAtMost  = 5 * time.Second
	// soon is how long the watch waits before it looks again at what it can do nothing about.
	soon = 250 * time.Millisecond
	// lastWords is how long a hung house has to write down where its goroutines stand.
	lastWords = 3 * time.Second
	// answerWithin is how long the house may take to answer, or to die of SIGKILL.
	answerWithin = 10 * time.Second
)

// A subject is the house's process under watch.
type subject interface {
	Done() <-chan struct{}
	Exit() process.Exit
	// SignalFirst signals that process alone: its units live on.
	SignalFirst(syscall.Signal) error
}

// A machine is what the watch does to the world.
type machine interface {
	lives(process.Identity) bool
	adopt(process.Identity) (subject, error)
	// start starts the house again, as it was started, without touching what the operator wants.
	start(House) (subject, int, error)
	// answers asks the house whether it is there, until ctx ends.
	answers(ctx context.Context) bool
	// mend takes back an upgrade that was interrupted.
	mend() error
}

// A Watch watches one house.
type Watch struct {
	home    home.Home
	log     *slog.Logger
	machine machine
	lock    *os.File // of the home; nil in tests
	report  Report
	backoff backoff
	// tend keeps alive, without a house, what the house would keep alive.
	tend func(context.Context)

	started    subject // the house that this watch started last
	startedPID int
	why        string // how the last house ended
	failing    bool   // the last start brought no house
}

// run watches until ctx ends or nothing is left to watch.
func (w *Watch) run(ctx context.Context) {
	for ctx.Err() == nil {
		f := w.see()
		what, why := judge(f)
		switch what {
		case attend:
			w.attend(ctx, f.house)
		case again, settle:
			if w.again(ctx, what, f.house, why) {
				return
			}
		case wait:
			w.say(why)
			w.tend(ctx)
			pause(ctx, soon)
		case leave:
			w.log.Info("nothing is left to watch", slog.String("why", why))
			return
		}
	}
}

// attend looks after a living house until it has died.
func (w *Watch) attend(ctx context.Context, n House) {
	child, err := w.subject(n)
	if err != nil {
		pause(ctx, soon)
		return
	}
	w.backoff.most = n.Most
	w.report.House, w.failing = n.PID, false
	w.say("attending")
	p := newPulse(n)
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-child.Done():
			w.died(child.Exit().String())
			return
		case <-tick.C:
		}
		w.touch()
		now, known, err := ReadHouse(w.home)
		if err == nil && (!known || now.PID != n.PID || !now.Watched) || w.homeGone() {
			return
		}
		if time.Since(began) > calm && now.Stage == Up {
			w.backoff.reset()
		}
		if (now.Stage == Up || now.Stage == Ending) && p.look(time.Now(), readBeat(w.home), func() bool { return w.answers(ctx, p.limit) }) && ctx.Err() == nil {
			w.replace(ctx, child, n, p)
		}
	}
}

// answers asks the house; one that is to be found hung soon is given less time.
func (w *Watch) answers(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, min(limit/3, answerWithin))
	defer cancel()
	return w.machine.answers(ctx)
}

func newPulse(n House) *pulse {
	limit := n.HungAfter
	if limit <= 0 {
		limit = defaultHung
	}
	return &pulse{every: LooksEvery(limit), limit: limit}
}

// LooksEvery is how often the watch looks whether a house lives that may be silent so long. To beat
// more often tells nobody anything.
func LooksEvery(hungAfter time.Duration) time.Duration {
	return min(max(hungAfter/6, lookAtLeast), lookAtMost)
}

// subject finds the house's process: the one that this watch started, or by its identity.
func (w *Watch) subject(n House) (subject, error) {
	if w.started != nil && w.startedPID == n.PID {
		return w.started, nil
	}
	return w.machine.adopt(n.Identity)
}

func (w *Watch) died(how string) {
	if w.why == "" {
		w.why = how
	}
	w.report.House = 0
	w.log.Warn("the house died", slog.String("how", w.why))
}

// replace ends a house that hangs. Its goroutines' whereabouts go to its output first.
func (w *Watch) replace(ctx context.Context, child subject, n House, p *pulse) {
	if process.Traced(n.PID) {
		w.say("the house hangs in a debugger's hands, and is left there")
		return
	}
	w.why = fmt.Sprintf("it hung: no sign of life for %s, and no answer", p.silent.Round(time.Second))
	w.log.Error("the house hangs, and is replaced", slog.Int("pid", n.PID), slog.String("why", w.why))
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGQUIT, lastWords}, {syscall.SIGKILL, answerWithin}} {
		if err := child.SignalFirst(step.signal); err != nil {
			w.log.Error("cannot signal the house", slog.Any("error", err))
		}
		bounded, cancel := context.WithTimeout(ctx, step.wait)
		select {
		case <-child.Done():
			cancel()
			return
		case <-bounded.Done():
			cancel()
		}
	}
}

// again starts the house once more when its time has come, and tells whether the watch is done.
func (w *Watch) again(ctx context.Context, what verdict, n House, why string) (done bool) {
	w.backoff.most = n.Most
	delay := w.backoff.next()
	if delay > 0 {
		w.say(fmt.Sprintf("%s; starts again in %s", why, delay))
	}
	for end := time.Now().Add(delay); time.Now().Before(end); pause(ctx, soon) {
		w.tend(ctx)
		if now, _ := judge(w.see()); ctx.Err() != nil || now != what {
			return false
		}
	}
	w.say("starting the house: " + why)
	if w.failing {
		w.mend()
	}
	child, pid, err := w.machine.start(n)
	if err != nil {
		w.log.Error("cannot start the house", slog.Any("error", err))
		w.failing = true
		return false
	}
	if what == again {
		w.count(Restart{At: time.Now().UTC(), Why: orElse(w.why, why), PID: pid})
	}
	w.why, w.started, w.startedPID = "", child, pid
	return w.await(ctx, what, child, pid)
}

// mend takes back an upgrade that was interrupted. The house does so itself, under its lock, when it
// can be started at all; what cannot is mended here.
func (w *Watch) mend() {
	if err := w.machine.mend(); err != nil {
		w.log.Error("cannot take back an upgrade that was interrupted", slog.Any("error", err))
	}
}

// await waits until the house that was started says that it is there, or ends; where `down` stands
// it is to end.
func (w *Watch) await(ctx context.Context, what verdict, child subject, pid int) (done bool) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return true
		case <-child.Done():
			exit := child.Exit()
			w.log.Info("the house that was started ended", slog.String("how", exit.String()))
			w.why, w.failing = "it did not come up: "+exit.String(), true
			return what == settle && exit.Success()
		case <-tick.C:
		}
		if n, known, err := ReadHouse(w.home); err == nil && known && n.PID == pid {
			return false
		}
	}
}

func (w *Watch) count(r Restart) {
	w.log.Warn("started the house again", slog.Int("pid", r.PID), slog.String("why", r.Why))
	w.report.Restarts++
	w.report.House = r.PID
	w.report.History = append(w.report.History, r)
	if over := len(w.report.History) - historyMost; over > 0 {
		w.report.History = w.report.History[over:]
	}
	w.write()
}

// say tells the present state, once.
func (w *Watch) say(state string) {
	if w.report.State == state {
		w.touch()
		return
	}
	w.report.State = state
	w.log.Info(state, slog.Int("house", w.report.House))
	w.write()
}

// touch shows the house that the watch goes on.
func (w *Watch) touch() {
	now := time.Now()
	_ = os.Chtimes(reportFile(w.home), now, now)
}

func (w *Watch) write() {
	if err := home.Replace(reportFile(w.home), w.report, 0o600); err != nil {
		w.log.Warn("cannot say how the watch stands", slog.Any("error", err))
	}
}

// homeGone tells that the home's lock is not the file that this watch holds.
func (w *Watch) homeGone() bool {
	if w.lock == nil {
		return false
	}
	ours, err := w.lock.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(w.lock.Name())
	return os.IsNotExist(err) || err == nil && !os.SameFile(ours, there)
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
