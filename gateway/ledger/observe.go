// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"holdfast"
	"holdfast/core/store"
	"holdfast/gateway/breaker/judge"
)

const (
	// observedTogether is how many observations one transaction takes.
	observedTogether = 256
	statusObserved   = StatusOK
)

// Observe books what others counted and returns when it is on disk. What was observed before is
// replaced when its total is larger now; what the gateway relayed itself is its own and stays.
func (l *Ledger) Observe(ctx context.Context, seen []Observation) error {
	l.mu.Lock()
	open := l.started
	l.mu.Unlock()
	if !open {
		return ErrClosed
	}
	now := l.needs.Now()
	for len(seen) > 0 {
		n := min(len(seen), observedTogether)
		rows := make([]*observedRow, 0, n)
		for _, o := range seen[:n] {
			rows = append(rows, rowOf(l.needs, o, now))
		}
		if err := l.write.wait(ctx, op{observe: rows}); err != nil {
			return fmt.Errorf("cannot book what was observed: %w", err)
		}
		seen = seen[n:]
	}
	return nil
}

// observedRow is an observation as a row, and by what name it may be observed again.
type observedRow struct {
	callRow
	name    string
	instead string
}

func rowOf(needs Needs, o Observation, now time.Time) *observedRow {
	at := o.Time
	if at.Unix() <= 0 || at.After(now) {
		at = now // a clock elsewhere is ahead, or there is none
	}
	o.Usage, o.Cost.Nano = bounded(o.Usage), min(o.Cost.Nano, mostNano)
	if o.Agent == "" {
		o.Agent = o.Source
	}
	cost := o.Cost
	if !cost.Known {
		cost = needs.priced(o.Provider, o.Model, o.Usage)
	}
	name := short(o.Key)
	return &observedRow{name: name, instead: short(o.Instead), callRow: callRow{
		time: at.UnixNano(), node: needs.Node, source: o.Source, project: o.Project, cost: cost,
		Call:   Call{Caller: "telemetry", Agent: o.Agent, Session: o.Session, Provider: o.Provider, Model: o.Model, RequestID: name},
		Result: Result{Provider: o.Provider, Model: o.Model, Usage: o.Usage, Status: statusObserved, ResponseID: short(o.ResponseID)},
	}}
}

// mostNano is what no call costs, a hundred thousand dollars.
const mostNano = 1e14

// bounded keeps what a log claims of one call to what can be added up for ever. It is still far above
// every cap.
func bounded(u holdfast.Usage) holdfast.Usage {
	within := func(n int64) int64 { return min(max(n, 0), mostTokens) }
	return holdfast.Usage{
		Input: within(u.Input), CachedRead: within(u.CachedRead), CacheWrite5m: within(u.CacheWrite5m),
		CacheWrite1h: within(u.CacheWrite1h), Output: within(u.Output), Reasoning: within(u.Reasoning),
	}
}

// corrected brings what a commit changed into the burn.
func (l *Ledger) corrected(changed []Claim) {
	now := l.needs.Now()
	for _, c := range changed {
		l.mu.Lock()
		l.window.Advance(now)
		l.window.Add(judge.MinuteOf(c.At), c.Tokens)
		if l.needs.Purse != nil {
			l.needs.Purse.Settle(Claim{}, c, c.At)
		}
		burn := l.burn()
		l.mu.Unlock()
		if judge.MinuteOf(now)-judge.MinuteOf(c.At) < judge.DayMinutes {
			l.needs.Gate.Booked(c, burn)
		}
	}
}

// known is what stands in the books of a name.
type known struct{ id, total int64 }

// observe writes observations of which it is not known whether they are new.
func (s *scratch) observe(ctx context.Context, tx store.Tx, rows []*observedRow) error {
	rows = largest(rows)
	before, err := s.before(ctx, tx, rows)
	if err != nil {
		return err
	}
	relayed, err := s.relayed(ctx, tx, rows)
	if err != nil {
		return err
	}
	busy, err := s.busy(ctx, tx, rows)
	if err != nil {
		return err
	}
	fresh := make([]*observedRow, 0, len(rows))
	for _, r := range rows {
		for _, other := range fresh {
			if r.instead != "" && other.name == r.instead {
				other.id = 0 // it is known by name and counts no more
			}
		}
		stood, told := before[r.instead]
		if gone, err := s.stoodFor(ctx, tx, r.instead, before); err != nil {
			return err
		} else if gone {
			continue
		}
		old, again := before[r.name]
		if again && old.total >= r.Usage.Total() {
			continue
		}
		if gone, err := s.takeBack(ctx, tx, old.id); err != nil {
			return err
		} else if gone {
			continue // its row is past its retention: what it was summed up as stands
		}
		r.id = 0
		counted := relayed[r.ResponseID] || r.ResponseID == "" && (again && old.id == 0 || !again && told && stood.id == 0)
		if !counted {
			if counted, err = s.twin(ctx, tx, r, busy); err != nil {
				return err
			}
		}
		if !counted {
			r.id = s.someID(r.time)
		}
		fresh = append(fresh, r)
	}
	return s.enter(ctx, tx, fresh)
}

// aside is in how many milliseconds after its own a row may get its id, as a power of two, when the
// ids of its own are taken: a file may say midnight of each of its calls.
const aside = 14

// someID is an id of that time that is not likely to be taken.
func (s *scratch) someID(ns int64) int64 {
	bits := idBits
	if s.crowded {
		bits += aside
	}
	return firstID(time.Unix(0, ns)) + rand.Int64N(1<<bits) //nolint:gosec // an id is no secret
}

// stoodFor takes back what another observation now stands for, so that it counts no more.
func (s *scratch) stoodFor(ctx context.Context, tx store.Tx, name string, before map[string]known) (gone bool, err error) {
	old, again := before[name]
	if name == "" || !again {
		return false, nil
	}
	delete(before, name)
	if gone, err = s.takeBack(ctx, tx, old.id); err != nil || gone {
		return gone, err
	}
	if _, err := tx.Exec(ctx, "UPDATE ledger_observed SET call_id = 0 WHERE name = ?", name); err != nil {
		return false, fmt.Errorf("cannot take back an observation: %w", err)
	}
	return false, nil
}

// largest keeps, of several observations of one name, the one with the largest total.
func largest(rows []*observedRow) []*observedRow {
	place := make(map[string]int, len(rows))
	kept := rows[:0:0]
	for _, r := range rows {
		i, twice := place[r.name]
		switch {
		case !twice:
			place[r.name] = len(kept)
			kept = append(kept, r)
		case r.Usage.Total() > kept[i].Usage.Total(), r.instead == r.name:
			kept[i] = r
		}
	}
	return kept
}

func (s *scratch) before(ctx context.Context, tx store.Tx, rows []*observedRow) (map[string]known, error) {
	names := make([]string, 0, len(rows))
	for _, r := range rows {
		names = append(names, r.name)
		if r.instead != "" {
			names = append(names, r.instead)
		}
	}
	found := map[string]known{}
	err := each(s, names, func(n int) error {
		query := s.query("known", n, func() string { return "SELECT name, call_id, total FROM ledger_observed WHERE name IN " + marks(n) })
		return eachRow(ctx, tx, query, s.args, func(scan func(...any) error) error {
			var name string
			var k known
			err := scan(&name, &k.id, &k.total)
			found[name] = k
			return err
		})
	})
	return found, err
}

// relayed tells which answers are in the books as the gateway's.
func (s *scratch) relayed(ctx context.Context, tx store.Tx, rows []*observedRow) (map[string]bool, error) {
	var answers []string
	for _, r := range rows {
		if r.ResponseID != "" {
			answers = append(answers, short(r.ResponseID))
		}
	}
	found := map[string]bool{}
	err := each(s, answers, func(n int) error {
		query := s.query("relayed", n, func() string {
			return "SELECT response_id FROM ledger_calls WHERE response_id <> '' AND source = 'gateway' AND response_id IN " + marks(n)
		})
		return eachRow(ctx, tx, query, s.args, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			found[id] = true
			return err
		})
	})
	return found, err
}

// takeBack takes a row out of the books and out of the sums; 0 is no row.
func (s *scratch) takeBack(ctx context.Context, tx store.Tx, id int64) (gone bool, err error) {
	if id == 0 {
		return false, nil
	}
	var row callRow
	err = row.scan(tx.QueryRow(ctx, "SELECT "+callColumns+" FROM ledger_calls WHERE id = ?", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot read what was observed before: %w", err)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM ledger_calls WHERE id = ?", id); err != nil {
		return false, fmt.Errorf("cannot replace what was observed before: %w", err)
	}
	s.fold.add(&row, -1)
	s.changed = append(s.changed, row.claim().negative())
	return false, nil
}

func (r *observedRow) values(args []any) []any { return append(args, r.name, r.id, r.Usage.Total()) }

// enter writes observations that are new, or larger than before.
func (s *scratch) enter(ctx context.Context, tx store.Tx, rows []*observedRow) error {
	var counted []*callRow
	for _, r := range rows {
		if r.id == 0 {
			continue
		}
		counted = append(counted, &r.callRow)
		s.fold.add(&r.callRow, 1)
		s.changed = append(s.changed, r.claim())
		s.observed = s.observed || r.ResponseID != ""
		if r.ResponseID == "" {
			s.unnamed.latest = max(s.unnamed.latest, r.time)
		}
	}
	if err := insert(ctx, s, tx, calls(), counted); err != nil {
		return err
	}
	names := statement{table: "ledger_observed", columns: "name, call_id, total", width: 3, conflict: func() string {
		return " ON CONFLICT (name) DO UPDATE SET call_id = excluded.call_id, total = excluded.total"
	}}
	return insert(ctx, s, tx, names, rows)
}

// uncount takes away what was observed of calls that the gateway now settles itself.
func (s *scratch) uncount(ctx context.Context, tx store.Tx, rows []*callRow) error {
	if err := s.takeTwins(ctx, tx, rows); err != nil {
		return err
	}
	if !s.observed {
		return nil
	}
	var answers []string
	for _, r := range rows {
		if r.ResponseID != "" {
			answers = append(answers, short(r.ResponseID))
		}
	}
	var twins []known
	var names []string
	err := each(s, answers, func(n int) error {
		query := s.query("twins", n, func() string {
			return "SELECT id, request_id FROM ledger_calls WHERE response_id <> '' AND source <> 'gateway' AND response_id IN " + marks(n)
		})
		return eachRow(ctx, tx, query, s.args, func(scan func(...any) error) error {
			var k known
			var name string
			err := scan(&k.id, &name)
			twins, names = append(twins, k), append(names, name)
			return err
		})
	})
	if err != nil {
		return err
	}
	for i, k := range twins {
		if err := s.give(ctx, tx, k.id, names[i]); err != nil {
			return err
		}
	}
	return nil
}

// give makes an observed call the gateway's.
func (s *scratch) give(ctx context.Context, tx store.Tx, id int64, name string) error {
	if _, err := s.takeBack(ctx, tx, id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE ledger_observed SET call_id = 0 WHERE name = ?", name); err != nil {
		return fmt.Errorf("cannot give an observed call to the gateway: %w", err)
	}
	return nil
}

func eachRow(ctx context.Context, tx store.Tx, query string, args []any, f func(scan func(...any) error) error) error {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
