// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/house"
	"holdfast/core/notify"
	"holdfast/core/process"
	"holdfast/core/store"
	"holdfast/units/watch"
)

// Watch is the section watch of holdfast.yaml.
type Watch struct {
	// Enabled lets the small program holdfast-watch stand beside the house and start it again when it
	// died or hangs. Where a service manager of the system runs the house, that one does it instead.
	Enabled bool `json:"enabled"`
	// HungAfter is how long the house may show no sign of life before it is asked, and when it does
	// not answer either, replaced. Its units run on.
	HungAfter config.Duration `json:"hung_after"`
	// Cap bounds the pause between restarts of a house that dies again and again, which begins at a
	// second and doubles.
	Cap config.Duration `json:"cap"`
}

func watchDefaults() *Watch {
	return &Watch{Enabled: true, HungAfter: config.Duration(30 * time.Second), Cap: config.Duration(5 * time.Minute)}
}

// Check refuses spans in which a house that is well cannot show itself.
func (w Watch) Check() []holdfast.Problem {
	var problems []holdfast.Problem
	for name, value := range map[string]config.Duration{"hung_after": w.HungAfter, "cap": w.Cap} {
		if value.Std() < time.Second {
			problems = append(problems, holdfast.Problem{Field: name, Message: "is shorter than a second"})
		}
	}
	return problems
}

// A sentry is the house's side of its watch: it says how the house stands, keeps a watch alive, and
// ends it when the house ends in order.
type sentry struct {
	house    *House
	settings *Watch
	journal  interface {
		Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
	}
	beat     *watch.Beat
	outsider *watch.Outsider

	mu      sync.Mutex
	note    watch.House
	told    bool   // the note is this process's
	state   string // who watches, when it is not holdfast-watch
	revived bool   // the watch started this process
	became  bool   // this program took another's place in this process
	was     bool   // the house was up
}

func newSentry(h *House, p *parts) *sentry {
	program := h.options.Watch
	if self, err := os.Executable(); program == "" && err == nil {
		program = filepath.Join(filepath.Dir(self), process.HelperName)
	}
	return &sentry{
		house: h, settings: watchDefaults(), journal: p.book, state: "off",
		outsider: &watch.Outsider{Home: h.Home, Program: program, Log: h.log},
		beat: &watch.Beat{Home: h.Home, Proofs: []func(context.Context) error{
			func(context.Context) error { p.units.Answer(); return nil },
			func(ctx context.Context) error {
				return h.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
					one := 0
					return tx.QueryRow(ctx, "SELECT 1").Scan(&one)
				})
			},
		}},
	}
}

// Advanced is how often the house's loop went round.
func (s *sentry) Advanced() uint64 { return s.beat.Advanced() }

func (s *sentry) capability() house.Capability {
	return house.Capability{
		Name: "watch", Config: s.settings, Start: s.start, Run: s.run,
		Reason: "it journals why the house was started again, and from here on a dead house is started again",
	}
}

// start says that the house starts, and sees to its watch. A house in another program's process has
// none.
func (s *sentry) start(ctx context.Context) error {
	if !s.house.alone {
		return nil
	}
	if err := s.tell(); err != nil {
		s.house.log.Error("nothing will start this house again, for it cannot say how it stands", slog.Any("error", err))
		return nil
	}
	s.noteRevival(ctx)
	if s.state != "" {
		return watch.End(ctx, s.house.Home)
	}
	if err := s.outsider.Ensure(ctx); err != nil {
		s.state = "off: " + err.Error()
		s.house.log.Warn("nothing will start this house again when it dies", slog.Any("error", err))
	}
	return nil
}

// tell writes what the watch must know to start the house as it was started.
func (s *sentry) tell() error {
	id, err := process.Self()
	if err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = s.house.Home.Dir()
	}
	s.state = other()
	if !s.settings.Enabled {
		s.state = "off"
	}
	before, known, err := watch.ReadHouse(s.house.Home)
	s.became = err == nil && known && before.Identity == id
	s.revived = s.byWatch() && !s.became
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note = watch.House{
		Identity: id, Stage: watch.Starting, Since: time.Now().UTC(), Version: version,
		Binary: binary, Set: s.house.set, Dir: dir, Watched: s.state == "",
		HungAfter: s.settings.HungAfter.Std(), Most: s.settings.Cap.Std(),
	}
	s.told = true
	return s.note.Say(s.house.Home)
}

// other names who starts this process again, empty for nobody.
func other() string {
	if os.Getpid() == 1 {
		return "off: this is the first process here, and who started it starts it again"
	}
	return notify.Keeper(os.Getenv)
}

// byWatch tells whether the home's watch is this process's parent.
func (s *sentry) byWatch() bool {
	last, known, err := watch.ReadReport(s.house.Home)
	return err == nil && known && last.PID == os.Getppid() && watch.Lives(s.house.Home)
}

// noteRevival journals that the watch started this house, and why.
func (s *sentry) noteRevival(ctx context.Context) {
	last, known, err := watch.ReadReport(s.house.Home)
	newest, there := last.Last()
	if !s.revived || err != nil || !known || !there {
		return
	}
	detail, err := json.Marshal(map[string]any{"why": newest.Why, "at": newest.At, "restarts": last.Restarts})
	if err == nil {
		_, err = s.journal.Append(ctx, holdfast.Entry{
			Caller: "house:watch", Tier: holdfast.TierInternal, Action: "house.restart", Subject: "house", Outcome: holdfast.OutcomeNoted, Detail: detail,
		})
	}
	if err != nil {
		s.house.log.Error("cannot journal that the watch started the house", slog.Any("error", err))
	}
}

func (s *sentry) run(ctx context.Context) error {
	if s.watched() {
		s.outsider.Run(ctx)
	}
	<-ctx.Done()
	return nil
}

func (s *sentry) watched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told && s.note.Watched && s.state == ""
}

// up says that the house is up, and shows from now on that its loop goes on, until ctx ends.
func (s *sentry) up(ctx context.Context) {
	s.enter(watch.Up)
	if s.watched() { // else systemd may want it more often
		s.beat.Every = watch.LooksEvery(s.settings.HungAfter.Std())
	}
	if s.house.alone {
		go s.beat.Run(ctx) // nobody waits for it: a proof may hang, and the process ends after it
	}
}

// leave says that the house ends, or becomes another program.
func (s *sentry) leave() {
	if s.house.next.program.Load() != nil {
		s.enter(watch.Leaving)
		return
	}
	s.enter(watch.Ending)
}

// enter says how far the house came.
func (s *sentry) enter(stage watch.Stage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.was = s.was || stage == watch.Up
	if !s.told || s.note.Stage == stage {
		return
	}
	s.note.Stage = stage
	if err := s.note.Say(s.house.Home); err != nil {
		s.house.log.Error("cannot tell the watch how the house stands", slog.Any("error", err))
	}
}

// close ends the watch of a house that ended in order. One that failed after it was up, or that the
// watch started, is left to the watch.
func (s *sentry) close(ctx context.Context, failed bool) error {
	if !s.told {
		return nil // what is said there is another house's
	}
	if failed && (s.was || s.revived || s.became) {
		s.enter(watch.Failed)
		return nil
	}
	ended := watch.End(ctx, s.house.Home)
	return errors.Join(ended, watch.Forget(s.house.Home))
}

// status is how the watch stands.
func (s *sentry) status() house.WatchStatus {
	s.mu.Lock()
	state := s.state
	s.mu.Unlock()
	if state != "" {
		return house.WatchStatus{State: state}
	}
	last, known, err := watch.ReadReport(s.house.Home)
	if err != nil || !known || !watch.Lives(s.house.Home) {
		return house.WatchStatus{State: "gone: another one is started"}
	}
	status := house.WatchStatus{State: last.State, PID: last.PID, Since: last.Since, Restarts: last.Restarts}
	if newest, there := last.Last(); there {
		status.Last = &house.WatchRestart{At: newest.At, Why: newest.Why, PID: newest.PID}
	}
	return status
}
