// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"cmp"
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
	"holdfast/core/home"
	"holdfast/core/process"
)

// A record is what var/run/units.json keeps of a living unit, for the next house. The mark scan
// alone finds every unit too, the one that was forked and not yet recorded included; the record is
// for programs that overwrite their environment.
type record struct {
	process.Identity
	Restarts []time.Time `json:"restarts,omitempty"`
	// Worker and Stop are as declared, for who ends what is left where no house runs.
	Worker bool          `json:"worker,omitempty"`
	Stop   holdfast.Stop `json:"stop,omitzero"`
	// Lacks are the limits that the launch found not to be enforced.
	Lacks []string `json:"lacks,omitempty"`
}

func recordFile(h home.Home) string { return h.Var("run", "units.json") }

// A leftover is a launch of an earlier house that lives in whole or in part.
type leftover struct {
	mark process.Mark
	// leader is its first process, when that lives.
	leader   *process.Identity
	restarts []time.Time
	worker   bool
	stop     holdfast.Stop
	lacks    []string
}

// An estate is what an earlier house left running, until its units take it up or it is ended. Who
// uses it at once with others guards it.
type estate struct {
	home   home.Home
	host   process.Host
	house  string
	limbo  limbo
	names  *launchNames // of launches to come
	scribe *scribe
	log    *slog.Logger

	left  map[string][]leftover // by unit, the newest launch last
	gone  map[string]departure  // by unit
	fates fates
	boot  func() string // names this boot
}

// find lists what was left.
func (e *estate) find() error {
	found, err := e.host.Marked(e.house)
	if err != nil {
		return err
	}
	e.gone = map[string]departure{}
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
	e.addRecorded(launches)
	e.left = map[string][]leftover{}
	for mark, l := range launches {
		e.names.follow(mark.Launch)
		e.left[mark.Unit] = append(e.left[mark.Unit], *l)
	}
	for _, all := range e.left {
		slices.SortFunc(all, leftover.compare)
	}
	return nil
}

// compare orders launches by their age: by the clock that counts from the boot, for the one of
// their names may have been set back in between. Those without a first process come first.
func (l leftover) compare(other leftover) int {
	if l.leader != nil && other.leader != nil {
		return cmp.Or(cmp.Compare(l.leader.Start, other.leader.Start), strings.Compare(l.mark.Launch, other.mark.Launch))
	}
	if l.leader == nil && other.leader == nil {
		return strings.Compare(l.mark.Launch, other.mark.Launch)
	}
	if l.leader == nil {
		return -1
	}
	return 1
}

// addRecorded corrects the scan by what the earlier house knew.
func (e *estate) addRecorded(launches map[process.Mark]*leftover) {
	for _, r := range e.readRecords() {
		if r.Mark.House != e.house {
			continue
		}
		child, err := e.host.Adopt(r.Identity)
		switch {
		case err == nil:
			id := child.Identity()
			launches[r.Mark] = &leftover{mark: r.Mark, leader: &id, restarts: r.Restarts, worker: r.Worker, stop: r.Stop, lacks: r.Lacks}
		case !errors.Is(err, process.ErrGone):
			e.log.Error("cannot look after a recorded unit", slog.String("unit", r.Mark.Unit), slog.Any("error", err))
		case launches[r.Mark] != nil:
			launches[r.Mark].leader = nil // it ended while nobody watched; what it left is to be ended
			e.depart(r)
		default:
			e.depart(r)
		}
	}
}

// readRecords reads the identities that the earlier house kept. They are written without fsync,
// since they mean nothing after a power loss; a torn file is as good as none.
func (e *estate) readRecords() map[string]record {
	data, err := os.ReadFile(recordFile(e.home))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var records map[string]record
	if err == nil {
		err = json.Unmarshal(data, &records)
	}
	if err != nil {
		e.log.Warn("cannot read the units of the last house; looking for their marks instead", slog.Any("error", err))
	}
	return records
}

// claim hands over what was left of one unit.
func (e *estate) claim(unit string) []leftover {
	left := e.left[unit]
	delete(e.left, unit)
	return left
}

// rest hands over what nobody claimed, and launches that were announced for units that nobody
// declares.
func (e *estate) rest(declared func(unit string) bool) []process.Mark {
	var marks []process.Mark
	for _, unit := range slices.Sorted(maps.Keys(e.left)) {
		for _, l := range e.claim(unit) {
			marks = append(marks, l.mark)
		}
	}
	for _, unit := range e.limbo.units() {
		if declared(unit) {
			continue // its keeper looks after it
		}
		if mark, ok := e.limbo.mark(unit); ok {
			marks = append(marks, mark)
		}
		e.limbo.withdraw(unit)
	}
	e.fates.prune(declared)
	return marks
}

// endUndeclared ends what an earlier house left and nobody declared within the time to settle.
func (e *estate) endUndeclared(ctx context.Context, settle time.Duration, undeclared func() []process.Mark) {
	waitFor(ctx, settle)
	if ctx.Err() != nil {
		return
	}
	for _, mark := range undeclared() {
		e.end(ctx, mark)
	}
}

// end ends a launch that has no unit any more.
func (e *estate) end(ctx context.Context, mark process.Mark) {
	err := e.host.EndMarked(ctx, mark, syscall.SIGTERM, defaultGrace)
	outcome := holdfast.OutcomeDone
	if err != nil {
		outcome = holdfast.OutcomeFailed
		e.log.Error("cannot end a stray", slog.String("unit", mark.Unit), slog.Any("error", err))
	}
	e.scribe.journal(holdfast.Entry{
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
