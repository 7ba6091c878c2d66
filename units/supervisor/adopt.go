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
		switch {
		case err == nil:
			id := child.Identity()
			launches[r.Mark] = &leftover{mark: r.Mark, leader: &id, restarts: r.Restarts}
		case !errors.Is(err, process.ErrGone):
			s.log.Error("cannot look after a recorded unit", slog.String("unit", r.Mark.Unit), slog.Any("error", err))
		case launches[r.Mark] != nil:
			launches[r.Mark].leader = nil // it ended while nobody watched; what it left is to be ended
		}
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

// A launch is announced in a file of its own before its process is made, and the file goes when
// the process carries its mark. A house that is killed in between leaves the file, and the next
// one waits for the process, which may not have come to execute its program yet.

// limboPatience is how long a process that was announced may take to show its mark.
const limboPatience = 2 * time.Second

func (s *Supervisor) limboFile(unit string) string {
	return s.options.Home.Var("run", "launching", unit)
}

// announce says that a launch is about to be made.
func (s *Supervisor) announce(mark process.Mark) error {
	if err := os.WriteFile(s.limboFile(mark.Unit), []byte(mark.Launch), 0o600); err != nil {
		return fmt.Errorf("cannot announce a launch: %w", err)
	}
	return nil
}

func (s *Supervisor) unannounce(unit string) {
	if err := os.Remove(s.limboFile(unit)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("cannot take back the announcement of a launch", slog.String("unit", unit), slog.Any("error", err))
	}
}

// awaitLimbo waits for a launch that an earlier house announced and did not live to see.
func (k *keeper) awaitLimbo() {
	launch, err := os.ReadFile(k.s.limboFile(k.name))
	if err != nil {
		return
	}
	mark := process.Mark{House: k.s.house, Unit: k.name, Launch: string(launch)}
	for end := time.Now().Add(limboPatience); k.present() == nil && time.Now().Before(end); {
		found, err := k.s.host.Marked(k.s.house)
		if err != nil {
			break
		}
		i := slices.IndexFunc(found, func(f process.Found) bool { return f.Mark == mark && f.Leader })
		if i >= 0 {
			k.s.mu.Lock()
			k.adopt([]leftover{{mark: mark, leader: &found[i].Identity}})
			if k.child != nil && launchDigest(mark.Launch) == k.digest {
				k.serial = k.order.serial // it is what is wanted
			}
			k.s.mu.Unlock()
			break
		}
		waitFor(k.s.life, gather)
	}
	k.s.unannounce(k.name)
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
	s.addAnnounced(left)
	s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(left)) {
		for _, l := range left[name] {
			s.endStray(ctx, l.mark)
		}
	}
}

// addAnnounced adds launches that were announced for units that nobody declares; the caller holds
// the lock.
func (s *Supervisor) addAnnounced(left map[string][]leftover) {
	files, err := os.ReadDir(s.options.Home.Var("run", "launching"))
	if err != nil {
		return
	}
	for _, file := range files {
		unit := file.Name()
		if _, declared := s.keepers[unit]; declared {
			continue // its keeper looks after it
		}
		if launch, err := os.ReadFile(s.limboFile(unit)); err == nil {
			mark := process.Mark{House: s.house, Unit: unit, Launch: string(launch)}
			left[unit] = append(left[unit], leftover{mark: mark})
		}
		s.unannounce(unit)
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
