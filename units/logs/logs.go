// SPDX-License-Identifier: Apache-2.0

// Package logs reads what units wrote: the last lines of one unit or of all, merged by time, over
// rotated and compressed files, filtered and followed; and it declares how logs are kept.
//
// It is not for writing logs, which the log keeper does (units/logkeeper), nor for the house's
// journal. It guarantees that a followed log neither misses nor doubles a line over a rotation,
// and that any bytes come out as valid text of bounded length. The app wires it.
package logs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/units/logkeeper"
)

// Section says how the logs of units are kept.
type Section struct {
	// Size is how large a log may grow; then a new file is begun. A new file is begun every day too,
	// by UTC, where anything is written. 0 leaves it at the days.
	Size config.Bytes `json:"size"`
	// Keep is how long old files stay; 0 keeps them for ever.
	Keep config.Duration `json:"keep"`
	// Files is how many old files of a log stay at most; 0 keeps all.
	Files int `json:"files"`
	// Compress packs old files with gzip.
	Compress bool `json:"compress"`
}

// smallest is the smallest size of a log that makes sense.
const smallest = 64 << 10

// Check looks for values that make no sense.
func (s Section) Check() []holdfast.Problem {
	var problems []holdfast.Problem
	if s.Size != 0 && s.Size < smallest {
		problems = append(problems, holdfast.Problem{Field: "size", Message: "is too small for a log", Remedy: "give at least 64KiB, or 0 for no bound"})
	}
	if s.Files < 0 {
		problems = append(problems, holdfast.Problem{Field: "files", Message: "is negative", Remedy: "give 0 to keep all"})
	}
	return problems
}

func (s Section) settings() logkeeper.Settings {
	return logkeeper.Settings{Size: int64(s.Size), Keep: s.Keep.Std(), Files: s.Files, Compress: s.Compress}
}

func defaults() *Section {
	d := logkeeper.DefaultSettings()
	return &Section{Size: config.Bytes(d.Size), Keep: config.Duration(d.Keep), Files: d.Files, Compress: d.Compress}
}

// keeper is who writes the logs.
type keeper interface {
	Start(ctx context.Context) error
	Run(ctx context.Context) error
	Stop(ctx context.Context) error
	Configure(s logkeeper.Settings)
	Standing() logkeeper.Standing
}

// Needs are what logs need from elsewhere.
type Needs struct {
	Home home.Home
	// Units lists the units that are declared.
	Units  func() []holdfast.UnitStatus
	Keeper keeper
	Log    *slog.Logger
}

// Logs are the logs of one house.
type Logs struct {
	Needs
	section *Section
}

// New makes logs. It does no I/O.
func New(n Needs) *Logs {
	if n.Log == nil {
		n.Log = slog.New(slog.DiscardHandler)
	}
	return &Logs{Needs: n, section: defaults()}
}

// Capability is what logs contribute to the house.
func (l *Logs) Capability() house.Capability {
	return house.Capability{
		Name: "logs", Config: l.section,
		Actions: []holdfast.Action{action.NewAction(holdfast.Action{
			Name: "log.show", Short: "logs", Summary: "Show the last lines of units' logs, merged by time",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Subject: subject,
			Examples: []string{
				"holdfast logs notes.backend --lines 50", "holdfast logs notes.ui notes.backend --since 15m --grep error --follow",
				"holdfast logs --stream stderr", "holdfast logs house",
			},
		}, l.Show)},
		Streams: []holdfast.Stream{{Action: "log.show", Run: l.follow}},
		Checks:  []holdfast.Check{{Name: "logs", Run: l.check}},
		Alerts:  []holdfast.AlertRule{l.unwritten()},
		Start: func(ctx context.Context) error {
			l.Keeper.Configure(l.section.settings())
			return l.Keeper.Start(ctx)
		},
		Run: l.Keeper.Run, Stop: l.Keeper.Stop,
		Reason: "units write into its pipes from their first line to their last",
	}
}

// Reconfigure takes a section logs that was read anew.
func (l *Logs) Reconfigure(_ context.Context, fresh any) error {
	section, ok := fresh.(*Section)
	if !ok {
		return fmt.Errorf("cannot take %T for the section logs", fresh)
	}
	l.Keeper.Configure(section.settings())
	return nil
}

// check tells whether logs are kept as they should be.
func (l *Logs) check(context.Context) holdfast.CheckResult {
	now := l.Keeper.Standing()
	result := holdfast.CheckResult{Check: "logs", Status: holdfast.StatusOK, Detail: "the log keeper runs"}
	switch {
	case now.Trouble.There():
		result.Status, result.Detail = holdfast.StatusCritical, wordsOf(now.Trouble)
	case now.Lacks != "":
		result.Status, result.Detail = holdfast.StatusWarn, now.Lacks
	}
	result.Values = map[string]float64{"keepers_replaced": float64(now.Replaced)}
	return result
}

// unwritten fires while a log cannot be written.
func (l *Logs) unwritten() holdfast.AlertRule {
	return holdfast.AlertRule{
		Name: "logs_unwritten", Severity: holdfast.SeverityCritical, Summary: "a log cannot be written, and its lines wait",
		Firing: func(context.Context) []holdfast.Alert {
			t := l.Keeper.Standing().Trouble
			if !t.There() {
				return nil
			}
			return []holdfast.Alert{{Subject: t.Log, Message: wordsOf(t), Since: t.Since}}
		},
	}
}

func wordsOf(t logkeeper.Trouble) string {
	return fmt.Sprintf("%s; the lines of %s wait, and are given up when that lasts", t.Why, t.Log)
}

// Tail is the last lines of a unit's log, oldest first, for whoever explains why it does not answer.
func (l *Logs) Tail(ctx context.Context, unit string, lines int) ([]string, error) {
	out, err := l.Show(ctx, In{Units: []string{unit}, Lines: lines})
	return out.Lines, err
}

func subject(input any) string {
	in, _ := input.(In)
	return strings.Join(in.names(), " ")
}

// A log is one log file and whose it is.
type log struct {
	unit string
	file string // relative to the home
	path string
}

// find gives the logs that are asked for: of the units that are declared, and by name whatever
// else writes a log.
func (l *Logs) find(names []string) ([]log, error) {
	declared := map[string]string{}
	var all []log
	for _, u := range l.Units() {
		file := cmp.Or(u.Log, filepath.Join("var", "logs", u.Name+".log"))
		declared[u.Name] = file
		all = append(all, l.log(u.Name, file))
	}
	if len(names) == 0 {
		return all, nil
	}
	var some []log
	seen := map[string]bool{}
	for _, name := range names {
		file, ok := declared[name]
		if !ok {
			file = filepath.Join("var", "logs", filepath.Base(name)+".log")
			if _, err := os.Stat(l.Home.Path(file)); err != nil || name != filepath.Base(name) {
				return nil, holdfast.Errorf(holdfast.CodeNotFound, "there is no unit %q, and no log of that name; `holdfast unit list` shows all units", name)
			}
		}
		if !seen[name] {
			some = append(some, l.log(name, file))
		}
		seen[name] = true
	}
	return some, nil
}

func (l *Logs) log(unit, file string) log {
	return log{unit: unit, file: filepath.ToSlash(file), path: l.Home.Path(file)}
}

// now is when spans are counted from.
func now() time.Time { return time.Now() }
