// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/process"
)

// A record is what var/run/units.json keeps of a living unit, for the next house. The mark scan
// alone finds every unit too, the one that was forked and not yet recorded included; the record is
// for programs that overwrite their environment.
type record struct {
	process.Identity
	Restarts []time.Time `json:"restarts,omitempty"`
}

// A leftover is a launch of an earlier house that lives in whole or in part.
type leftover struct {
	mark process.Mark
	// leader is its first process, when that lives.
	leader   *process.Identity
	restarts []time.Time
}

func (s *Supervisor) recordFile() string { return s.options.Home.Var("run", "units.json") }

// findLeft lists what an earlier house left, by unit, the newest launch last.
func (s *Supervisor) findLeft() (map[string][]leftover, error) {
	found, err := s.host.Marked(s.house)
	if err != nil {
		return nil, err
	}
	launches := map[process.Mark]*leftover{}
	for _, f := range found {
		l := launches[f.Mark]
		if l == nil {
			l = &leftover{mark: f.Mark}
			launches[f.Mark] = l
		}
		if l.leader == nil && f.Leader { // they come oldest first
			l.leader = &f.Identity
		}
	}
	s.addRecorded(launches)
	left := map[string][]leftover{}
	for mark, l := range launches {
		left[mark.Unit] = append(left[mark.Unit], *l)
	}
	for _, all := range left {
		slices.SortFunc(all, func(a, b leftover) int { return strings.Compare(a.mark.Launch, b.mark.Launch) })
	}
	return left, nil
}

// addRecorded corrects the scan by what the earlier house knew.
func (s *Supervisor) addRecorded(launches map[process.Mark]*leftover) {
	for _, r := range s.readRecords() {
		if r.Mark.House != s.house {
			continue
		}
		child, err := s.host.Adopt(r.Identity)
		if err != nil {
			if !errors.Is(err, process.ErrGone) {
				s.log.Error("cannot look after a recorded unit", slog.String("unit", r.Mark.Unit), slog.Any("error", err))
			}
			continue
		}
		id := child.Identity()
		launches[r.Mark] = &leftover{mark: r.Mark, leader: &id, restarts: r.Restarts}
	}
}

// readRecords reads the identities that the earlier house kept. They are written without fsync,
// since they mean nothing after a power loss; a torn file is as good as none.
func (s *Supervisor) readRecords() map[string]record {
	data, err := os.ReadFile(s.recordFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var records map[string]record
	if err == nil {
		err = json.Unmarshal(data, &records)
	}
	if err != nil {
		s.log.Warn("cannot read the units of the last house; looking for their marks instead", slog.Any("error", err))
	}
	return records
}

// adopt takes over the newest launch that an earlier house left, and notes older ones to be
// ended; the caller holds the lock.
func (k *keeper) adopt(left []leftover) {
	for _, l := range slices.Backward(left) {
		if k.child == nil && l.leader != nil && !strings.HasSuffix(l.mark.Launch, probeSuffix) {
			child, err := k.s.host.Adopt(*l.leader)
			if err == nil {
				k.take(child, l)
				continue
			}
		}
		k.strays = append(k.strays, l.mark)
	}
}

func (k *keeper) take(child process.Child, l leftover) {
	id := child.Identity()
	k.child, k.launched = child, launchTime(id.Mark.Launch)
	if k.launched.IsZero() {
		k.launched = time.Now()
	}
	k.restarts = l.restarts
	k.status.State, k.status.PID, k.status.Since = holdfast.UnitStarting, id.PID, k.launched
	k.s.scribe.note(Change{
		From: holdfast.UnitStopped, At: time.Now(), Status: k.shown(), Adopted: true,
	}, id.Mark.Launch)
	if k.unit.Ready == nil {
		k.status.State = holdfast.UnitRunning
		k.upSince = k.launched
	}
}

// endLeft ends what an earlier house left and nobody declared within the time to settle.
func (s *Supervisor) endLeft(ctx context.Context) {
	waitFor(ctx, s.options.Settle)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	left := s.left
	s.left = map[string][]leftover{}
	s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(left)) {
		for _, l := range left[name] {
			s.endStray(ctx, l.mark)
		}
	}
}

func (s *Supervisor) endStray(ctx context.Context, mark process.Mark) {
	err := s.host.EndMarked(ctx, mark, syscall.SIGTERM, defaultGrace)
	outcome := holdfast.OutcomeDone
	if err != nil {
		outcome = holdfast.OutcomeFailed
		s.log.Error("cannot end a stray", slog.String("unit", mark.Unit), slog.Any("error", err))
	}
	s.scribe.journal(holdfast.Entry{
		Action: "unit.stray", Subject: mark.Unit, Outcome: outcome,
		Detail: detail(map[string]string{"launch": mark.Launch, "why": "left by an earlier house, and nobody declares it"}),
	})
}

func detail(value any) json.RawMessage {
	data, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage(fmt.Sprintf(`{"unreadable":%q}`, err.Error()))
	}
	return data
}
