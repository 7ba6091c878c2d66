// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"holdfast/gateway/ledger"
	"holdfast/gateway/telemetry/scan"
)

const (
	boardVersion = 1
	boardKept    = 48 * time.Hour
	// growing is how long a call may go on growing; its key is remembered as long.
	growing = 15 * time.Minute
	// mostSessions and mostRecent bound the board.
	mostSessions, mostRecent = 1000, 5000
	// mostTokens is what no call uses, so that what logs claim can be added up.
	mostTokens = 1 << 40
	// block is the span in which subscriptions of Claude count usage.
	block = 5 * time.Hour
)

// A board is what the status line shows: a small file, kept up to date by the house.
type board struct {
	Version int       `json:"version"`
	Updated time.Time `json:"updated"`
	// Today is what the ledger says since midnight, the gateway's calls included.
	Today  spent     `json:"today"`
	Before time.Time `json:"before"` // when today ends
	// Minutes are the tokens of each minute by agents; Claude those of Claude Code alone.
	Minutes map[int64]int64 `json:"minutes"`
	Claude  map[int64]int64 `json:"claude"`
	// Sessions are the sums of sessions that went on lately.
	Sessions map[string]*session `json:"sessions"`
	// Recent are the calls that may still grow.
	Recent map[string]recent `json:"recent"`
	// OpenCode is until when each database was read.
	OpenCode map[string]int64 `json:"opencode"`
}

type spent struct {
	Calls    int64 `json:"calls"`
	Tokens   int64 `json:"tokens"`
	Nano     int64 `json:"nano"`
	Unpriced int64 `json:"unpriced"`
}

type session struct {
	Tokens int64     `json:"tokens"`
	Last   time.Time `json:"last"`
	Model  string    `json:"model"`
}

type recent struct {
	Minute  int64  `json:"m"`
	Tokens  int64  `json:"t"`
	Session string `json:"s"`
	Claude  bool   `json:"c,omitempty"`
}

func newBoard() *board {
	return &board{
		Version: boardVersion, Minutes: map[int64]int64{}, Claude: map[int64]int64{}, Sessions: map[string]*session{},
		Recent: map[string]recent{}, OpenCode: map[string]int64{},
	}
}

func readBoard(path string) (*board, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b := newBoard()
	if err := json.Unmarshal(text, b); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	if b.Version != boardVersion || b.Minutes == nil || b.Claude == nil || b.Sessions == nil || b.Recent == nil || b.OpenCode == nil {
		return nil, fmt.Errorf("cannot read %s: it is of another version", path)
	}
	return b, nil
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

// take adds records up, those of the last days alone.
func (b *board) take(records []scan.Record, now time.Time) {
	for _, r := range records {
		at := r.Time
		if at.After(now) {
			at = now // a clock elsewhere is ahead
		}
		if now.Sub(at) > boardKept {
			continue
		}
		next := recent{minuteOf(at), min(r.Usage.Total(), mostTokens), r.Session, r.Source == scan.Claude}
		if old, again := b.Recent[r.Instead]; again {
			b.add(old, -1)
			delete(b.Recent, r.Instead)
		}
		if old, again := b.Recent[r.Key]; again {
			if old.Tokens >= next.Tokens {
				continue
			}
			b.add(old, -1)
		}
		b.add(next, 1)
		if s := b.Sessions[r.Session]; r.Model != "" && !at.Before(s.Last) {
			s.Last, s.Model = at, r.Model
		}
		if now.Sub(at) < growing {
			b.Recent[r.Key] = next
		}
	}
}

func (b *board) add(c recent, sign int64) {
	s := b.Sessions[c.Session]
	if s == nil {
		s = &session{}
		b.Sessions[c.Session] = s
	}
	s.Tokens += sign * c.Tokens
	b.Minutes[c.Minute] += sign * c.Tokens
	if c.Claude {
		b.Claude[c.Minute] += sign * c.Tokens
	}
}

// settle drops what is too old and takes what the ledger says of today.
func (b *board) settle(now, midnight time.Time, sums ledger.Spent) {
	b.Updated, b.Before = now.UTC(), ledger.Midnight(midnight.Add(30*time.Hour)) // no day is shorter than 18
	b.Today = spent{sums.Calls, sums.Tokens, sums.Nano, sums.Unpriced}
	old := minuteOf(now.Add(-boardKept))
	for _, minutes := range []map[int64]int64{b.Minutes, b.Claude} {
		maps.DeleteFunc(minutes, func(minute, _ int64) bool { return minute < old })
	}
	maps.DeleteFunc(b.Recent, func(_ string, r recent) bool { return r.Minute < minuteOf(now.Add(-growing)) })
	maps.DeleteFunc(b.Sessions, func(_ string, s *session) bool { return now.Sub(s.Last) > boardKept })
	newest(b.Sessions, mostSessions, func(s *session) int64 { return s.Last.Unix() })
	newest(b.Recent, mostRecent, func(r recent) int64 { return r.Minute })
}

// newest keeps the latest of too many, so that the file stays one that is read within milliseconds.
func newest[V any](all map[string]V, most int, when func(V) int64) {
	if len(all) <= most {
		return
	}
	times := make([]int64, 0, len(all))
	for _, v := range all {
		times = append(times, when(v))
	}
	slices.Sort(times)
	first := times[len(times)-most]
	maps.DeleteFunc(all, func(_ string, v V) bool { return when(v) < first })
	for key := range all { // of one moment there may be any number
		if len(all) <= 2*most {
			return
		}
		delete(all, key)
	}
}

// hour is what the agents burned in the last hour.
func (b *board) hour(now time.Time) (tokens int64) {
	from := minuteOf(now) - 59
	for minute, n := range b.Minutes {
		if minute >= from {
			tokens += n
		}
	}
	return tokens
}

// blockEnd is when the block ends in which Claude Code counts now: it begins with the hour of its
// first call, and the next one with the first call after its end.
func (b *board) blockEnd(now time.Time) (end time.Time, ok bool) {
	minutes := make([]int64, 0, len(b.Claude))
	for minute, n := range b.Claude {
		if n > 0 {
			minutes = append(minutes, minute)
		}
	}
	return blockEnd(minutes, now)
}
