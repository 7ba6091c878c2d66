// SPDX-License-Identifier: Apache-2.0

// Package outside tells what coding agents burned while no house read their logs.
//
// It is for the watch, which judges the breaker when the house is down: it goes on where the house
// ended, and keeps what it found in memory alone, so that the next house finds the logs as it left
// them. It is not for booking, and knows no prices. What it cannot place it counts: judging too much
// halts early, judging too little never. OpenCode's newer store, a database, is read by the house
// only. Callers: cmd/holdfast-watch.
package outside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"holdfast/core/home"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/telemetry/scan"
)

// rests is a pause between two questions after which a house had read the logs again.
const rests = 45 * time.Second

// mostTokens is what no call uses, so that what logs claim can be added up. It is above every cap.
const mostTokens = 1 << 40

// Where says which folders a house reads, and which calls are no news to it.
type Where struct {
	Roots   []scan.Root `json:"roots"`
	Relayed []string    `json:"relayed"`
}

// Tell leaves that for the watch; nothing to read removes it.
func Tell(h home.Home, w Where) error {
	if len(w.Roots) > 0 {
		return home.Replace(whereFile(h), w, 0o600)
	}
	if err := os.Remove(whereFile(h)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func whereFile(h home.Home) string { return h.Var("telemetry", "where.json") }

// Sessions follows the logs of the agents that the last house followed. It is used by one goroutine.
type Sessions struct {
	home    home.Home
	now     func() time.Time
	asked   time.Time
	scanner *scan.Scanner
	relayed []string
	calls   map[string]call // by key, for an answer that grows is told again
}

type call struct {
	minute int64
	tokens int64
}

// New names the sessions of a home; nothing is read before the first question.
func New(h home.Home) *Sessions { return &Sessions{home: h, now: time.Now} }

// Burned is what was burned by calls made after since, by minute, beside an error also what could be
// read. Asked again within a while, it goes on; else a house was there, and it begins where that one
// ended.
func (s *Sessions) Burned(ctx context.Context, since time.Time) ([]judge.Minute, error) {
	now := s.now()
	if s.scanner == nil || now.Sub(s.asked).Abs() > rests {
		if err := s.begin(since); err != nil {
			return nil, err
		}
	}
	s.asked = now
	if s.scanner == nil {
		return nil, nil
	}
	tick, err := s.scanner.Scan(ctx, func(records []scan.Record) error {
		for _, r := range records {
			s.take(r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the logs of coding agents: %w", err)
	}
	for _, p := range tick.Problems { // what the others say counts all the same
		if !p.Form { // a file of no known form is the house's to tell
			err = p.Err
			break
		}
	}
	return s.minutes(since), err
}

// Rest lets go of what a house reads again itself: the names of all calls that it ever told.
func (s *Sessions) Rest() { s.scanner, s.calls = nil, nil }

// begin makes a scanner that goes on where the last house ended; without its state every log that was
// written to since is read whole.
func (s *Sessions) begin(since time.Time) error {
	s.scanner, s.calls = nil, map[string]call{}
	text, err := os.ReadFile(whereFile(s.home))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no house reads logs
	}
	var where Where
	if err == nil {
		err = json.Unmarshal(text, &where)
	}
	if err != nil {
		return fmt.Errorf("cannot tell where coding agents keep their logs: %w", err)
	}
	s.relayed = where.Relayed
	scanner := scan.New(scan.Options{Roots: where.Roots, Workers: 1, Since: since})
	state, err := os.ReadFile(s.home.Var("telemetry", "state.json"))
	seen, missing := os.ReadFile(s.home.Var("telemetry", "seen"))
	if errors.Is(missing, fs.ErrNotExist) {
		seen, missing = nil, nil
	}
	if errors.Join(err, missing) == nil {
		err = scanner.Restore(state, seen[:len(seen)/16*16])
	}
	if err != nil { // without the state calls of before are read again, and left out by their time
		scanner = scan.New(scan.Options{Roots: where.Roots, Workers: 1, Since: since})
	}
	s.scanner = scanner
	return nil
}

func (s *Sessions) take(r scan.Record) {
	if slices.Contains(s.relayed, r.Provider) {
		return
	}
	if r.Instead != "" {
		delete(s.calls, r.Instead)
	}
	if tokens := min(r.Usage.Total(), mostTokens); tokens > s.calls[r.Key].tokens {
		// What a clock that was ahead wrote counts now, and slides out like all else.
		s.calls[r.Key] = call{min(judge.MinuteOf(r.Time), judge.MinuteOf(s.asked)), tokens}
	}
}

// minutes adds the calls up, and forgets those of before.
func (s *Sessions) minutes(since time.Time) []judge.Minute {
	first := judge.MinuteOf(since)
	sums := map[int64]int64{}
	for key, c := range s.calls {
		if c.minute < first {
			delete(s.calls, key)
			continue
		}
		sums[c.minute] += c.tokens
	}
	list := make([]judge.Minute, 0, len(sums))
	for minute, tokens := range sums {
		list = append(list, judge.Minute{At: minute, Tokens: tokens})
	}
	slices.SortFunc(list, func(a, b judge.Minute) int { return int(a.At - b.At) })
	return list
}
