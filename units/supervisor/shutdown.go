// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"holdfast"
)

// quickGrace is what units get that all end at once.
const quickGrace = 2 * time.Second

// A Shutdown is how a house ends its units.
type Shutdown struct {
	// LeaveWorkers lets workers finish what they do; the next house adopts them.
	LeaveWorkers bool
	// LeaveAll lets every unit run on, for the program that takes this process's place.
	LeaveAll bool
	// Quick ends all at once, in no order, with a grace of two seconds.
	Quick bool
}

// Plan says how the units will end, and names those that will be left.
func (s *Supervisor) Plan(e Shutdown) (left []string) {
	s.roster.plan(e)
	if !e.LeaveWorkers {
		return nil
	}
	for _, u := range s.roster.all() {
		if u.unit.Worker && u.child != nil {
			left = append(left, u.unit.Name)
		}
	}
	return left
}

// End ends the units as planned, ahead of the order in which the house stops.
func (s *Supervisor) End(ctx context.Context) error { return s.close(ctx) }

// EndLeft ends what an earlier house left running, where no house runs; the caller holds the home.
// It names the units that it ended, and the workers that it left.
func (s *Supervisor) EndLeft(ctx context.Context, e Shutdown) (ended, left []string, err error) {
	if err := s.estate.find(); err != nil {
		return nil, nil, err
	}
	x := executor{s}
	x.findAnnounced(ctx)
	group, ctx := errgroup.WithContext(ctx)
	for _, unit := range slices.Sorted(maps.Keys(s.estate.left)) {
		for _, l := range s.estate.claim(unit) {
			if e.LeaveWorkers && x.works(l) {
				left = append(left, unit)
				continue
			}
			ended = append(ended, unit)
			group.Go(func() error { return x.endOne(ctx, l, e) })
		}
	}
	err = group.Wait()
	s.estate.fates.prune(func(unit string) bool { return slices.Contains(left, unit) })
	s.herald.scribe.flush()
	return slices.Compact(ended), slices.Compact(left), err
}

// An executor ends what an earlier house left.
type executor struct{ *Supervisor }

// findAnnounced adds launches that the earlier house had announced and did not live to see.
func (s executor) findAnnounced(ctx context.Context) {
	for _, unit := range s.estate.limbo.units() {
		mark, ok := s.estate.limbo.mark(unit)
		known := slices.ContainsFunc(s.estate.left[unit], func(l leftover) bool { return l.mark == mark })
		if ok && !known {
			if l, found := s.launcher.await(ctx, mark); found {
				s.estate.left[unit] = append(s.estate.left[unit], l)
			}
		}
		s.estate.limbo.withdraw(unit)
	}
}

// works tells whether a launch is a worker's, by its record, its mark or the configuration.
func (s executor) works(l leftover) bool {
	if l.leader == nil || strings.HasSuffix(l.mark.Launch, probeSuffix) {
		return false
	}
	return l.worker || isWorker(l.mark) || slices.ContainsFunc(s.section.units(s.options.Home), func(u holdfast.Unit) bool {
		return u.Name == l.mark.Unit && u.Worker
	})
}

// endOne ends one launch whole.
func (s executor) endOne(ctx context.Context, l leftover, e Shutdown) error {
	signal, _ := signalOf(l.stop)
	grace := graceOf(l.stop)
	if e.Quick {
		grace = min(grace, quickGrace)
	}
	err := s.endLaunch(ctx, l, signal, grace)
	outcome := holdfast.OutcomeDone
	if err != nil {
		outcome, err = holdfast.OutcomeFailed, fmt.Errorf("cannot end %s whole: %w", l.mark.Unit, err)
		s.options.Log.Error("cannot end what was left", slog.String("unit", l.mark.Unit), slog.Any("error", err))
	}
	s.estate.scribe.journal(holdfast.Entry{
		Action: "unit.stray", Subject: l.mark.Unit, Outcome: outcome,
		Detail: detail(map[string]string{"launch": l.mark.Launch, "why": "left by a house that died, and the house is to stay down"}),
	})
	return err
}

// endLaunch finds a launch by its leader, who may have overwritten its mark, or by the mark alone.
func (s executor) endLaunch(ctx context.Context, l leftover, signal syscall.Signal, grace time.Duration) error {
	if l.leader != nil {
		if child, err := s.options.Host.Adopt(*l.leader); err == nil {
			return child.End(ctx, signal, grace)
		}
	}
	return s.options.Host.EndMarked(ctx, l.mark, signal, grace)
}
