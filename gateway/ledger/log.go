// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"holdfast/core/home/disk"
	"holdfast/core/store"
	"holdfast/gateway/ledger/wal"
	"holdfast/gateway/price"
)

// openCalls are the calls under way, by the place of their record in the log.
type openCalls struct{ first, last *Reservation }

func (o *openCalls) add(r *Reservation) {
	r.older, r.newer = o.last, nil
	if o.last == nil {
		o.first = r
	} else {
		o.last.newer = r
	}
	o.last = r
}

func (o *openCalls) remove(r *Reservation) {
	if r.older == nil {
		o.first = r.newer
	} else {
		r.older.newer = r.newer
	}
	if r.newer == nil {
		o.last = r.older
	} else {
		r.newer.older = r.older
	}
	r.older, r.newer = nil, nil
}

// enter writes a reservation into the log as it stands. Called with the lock held.
func (r *Reservation) enter(hold int64) error {
	l := r.ledger
	from, to, err := l.log.Append(l.record.reserved(r), hold)
	if err != nil {
		return fmt.Errorf("cannot write to the ledger's log, so no call is made: %w", err)
	}
	if r.to == 0 {
		r.from = from // what it said first is enough to know that there is one
	}
	r.to = to
	return nil
}

// close writes a settlement into the log and has it written to the store. Called with the lock held.
func (r *Reservation) close(row *callRow) {
	l := r.ledger
	hold := -int64(settledRoom)
	if r.booked {
		hold = 0
	} else {
		l.open.remove(r)
	}
	from, to, err := l.log.Append(l.record.settled(row), hold)
	if err != nil && !errors.Is(err, wal.ErrClosed) {
		l.needs.Log.Warn("a settlement is not in the ledger's log before it is in the store", "error", err)
		if !r.booked {
			row.id = r.id // so that a crash does not book the reservation too
		}
	}
	if !l.write.push(op{settle: row, from: from, to: to}) {
		l.late = true
	}
}

// oldest is the position before which no call under way is in the log.
func oldest(l *Ledger) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first := l.open.first; first != nil {
		return first.from
	}
	return l.log.End()
}

// mostBehind is how much of the log the oldest call under way may hold back.
const mostBehind = 8 * wal.DefaultSegment

// advanced lets go of what the store has. A call that holds much of the log back is written into it
// again.
func advanced(l *Ledger, p position) {
	l.log.Release(p.floor)
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.open.first != nil && l.log.End()-l.open.first.from > mostBehind {
		r := l.open.first
		from, _, err := l.log.Append(l.record.reserved(r), 0)
		if err != nil {
			return // it stays where it is
		}
		l.open.remove(r)
		r.from = from
		l.open.add(r)
	}
}

// left is what a log says: what was settled and may not be in the store, and what is reserved still.
type left struct {
	settled []op
	open    []*callRow
	found   wal.Found
	strange int // records that this version does not know
}

// leftIn reads the log from where the store is.
func leftIn(dir string, at position) (left, error) {
	var l left
	open := map[int64]int{}
	if dir == "" {
		return l, nil
	}
	var err error
	l.found, err = wal.Read(dir, at.floor, func(from, to int64, record []byte) error {
		row, settled, err := (&teller{b: record}).row()
		if err != nil {
			l.strange++
			return nil //nolint:nilerr // the rest can be read
		}
		place, there := open[row.reservation]
		switch {
		case settled && there:
			l.open[place] = nil
			delete(open, row.reservation)
		case !settled && there:
			l.open[place] = row
		case !settled:
			open[row.reservation] = len(l.open)
			l.open = append(l.open, row)
		}
		if settled && from >= at.applied {
			l.settled = append(l.settled, op{settle: row, from: from, to: to})
		}
		return nil
	})
	kept := l.open[:0]
	for _, row := range l.open {
		if row != nil {
			kept = append(kept, row)
		}
	}
	l.open = kept
	return l, err
}

// tell says what of a log could not be read.
func (l left) tell(needs Needs) {
	if l.found.Torn > 0 {
		needs.Log.Warn("the last record of the ledger's log was not written whole, it is let go", "bytes", l.found.Torn)
	}
	for _, d := range l.found.Damage {
		needs.Log.Error("a piece of the ledger's log cannot be read, calls in it may be missing or estimates", "piece", d.String())
	}
	if l.strange > 0 {
		needs.Log.Error("the ledger's log has records of another version, which are left out", "records", l.strange)
	}
}

// catchUp brings the store to the end of the log: what was settled, and what a crash left reserved, as
// estimates. The house's lock makes sure that nobody else on this node has calls under way. It gives
// where the store is then, and what the store does not take.
func catchUp(ctx context.Context, needs Needs) (at position, bad []*callRow, err error) {
	err = needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		at, err = positionOf(ctx, tx, needs.Node)
		return err
	})
	if err != nil {
		return at, nil, err
	}
	l, err := leftIn(needs.Dir, at)
	if err != nil {
		return at, nil, err
	}
	l.tell(needs)
	for i := range l.open {
		l.open[i].node = needs.Node
		l.settled = append(l.settled, op{settle: l.open[i]})
	}
	for _, o := range l.settled {
		o.settle.node = needs.Node
	}
	c := chase{needs: needs, at: at, end: max(at.applied, l.found.End, firstPosition(needs.Now()))}
	if err := c.all(ctx, l.settled); err != nil {
		return at, nil, fmt.Errorf("cannot settle what a crash left reserved: %w", err)
	}
	if n := len(l.open) + c.old; n > 0 {
		needs.Log.Warn("settled reservations that a crash left, as estimates", "calls", n)
	}
	return c.at, c.bad, wal.Clear(needs.Dir, disk.Disk{})
}

// firstPosition is beyond every position of an earlier time, so that a log is known for later than what
// any store has: the house may have written to another one meanwhile, or under another name.
func firstPosition(now time.Time) int64 { return now.UnixMilli() << 20 }

// chase writes to the store what a log has left.
type chase struct {
	needs Needs
	at    position
	end   int64
	old   int // reservations in the store, of an older house
	bad   []*callRow
}

// all writes everything at once, or each by itself when that fails: who spoils it is for later.
func (c *chase) all(ctx context.Context, ops []op) error {
	err := c.write(ctx, ops, c.end, c.end)
	if err == nil || c.write(ctx, nil, c.at.floor, c.at.applied) != nil { // it is not the rows
		return err
	}
	for _, o := range ops {
		if err := c.write(ctx, []op{o}, c.at.floor, c.at.applied); err != nil {
			c.needs.Log.Error("cannot write to the ledger", "error", err)
			c.bad = append(c.bad, o.settle)
		}
	}
	return c.write(ctx, nil, c.end, c.end)
}

func (c *chase) write(ctx context.Context, ops []op, floor, applied int64) error {
	to := position{batch: c.at.batch + 1 + rand.Int64N(1<<30), floor: floor, applied: applied} //nolint:gosec // a name is no secret
	old := 0
	err := c.needs.Store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		const first = "INSERT INTO ledger_log (node, batch, floor, applied) VALUES (?, 0, 0, 0) ON CONFLICT (node) DO NOTHING"
		if _, err := tx.Exec(ctx, first, c.needs.Node); err != nil {
			return err
		}
		if there, err := advance(ctx, tx, c.needs.Node, c.at.batch, to); err != nil || there {
			return err
		}
		s := &scratch{now: c.needs.lately, observed: true}
		fresh, err := s.fresh(ctx, tx, ops)
		if err != nil {
			return err
		}
		reserved, err := takeReserved(ctx, tx, c.needs.Node)
		if err != nil {
			return err
		}
		old = len(reserved)
		return s.write(ctx, tx, append(fresh, reserved...))
	})
	if err == nil {
		c.at, c.old = to, c.old+old
	}
	return err
}

// fresh leaves out what the store has already, and gives a new id to whom another node's call has
// taken his.
func (s *scratch) fresh(ctx context.Context, tx store.Tx, ops []op) ([]op, error) {
	ids := make([]int64, 0, len(ops))
	for _, o := range ops {
		ids = append(ids, o.settle.id)
	}
	taken := map[int64]string{}
	err := each(s, ids, func(n int) error {
		query := s.query("taken", n, func() string { return "SELECT id, request_id FROM ledger_calls WHERE id IN " + marks(n) })
		return eachRow(ctx, tx, query, s.args, func(scan func(...any) error) error {
			var id int64
			var request string
			err := scan(&id, &request)
			taken[id] = request
			return err
		})
	})
	kept := make([]op, 0, len(ops))
	for _, o := range ops {
		request, there := taken[o.settle.id]
		if there && request == short(o.settle.RequestID) {
			continue
		}
		if there {
			o.settle.id += 1 + rand.Int64N(1<<idBits) //nolint:gosec // an id is no secret
		}
		kept = append(kept, o)
	}
	return kept, err
}

// takeReserved takes out of the store what an older house, which kept reservations there, left of this
// node.
func takeReserved(ctx context.Context, tx store.Tx, node string) ([]op, error) {
	var list []op
	const query = "SELECT id, time_ns, input, output, cost, call FROM ledger_reservations WHERE node = ? ORDER BY id"
	err := eachRow(ctx, tx, query, []any{node}, func(scan func(...any) error) error {
		var cost sql.NullInt64
		var call string
		row := &callRow{node: node, source: SourceGateway}
		if err := scan(&row.id, &row.time, &row.Usage.Input, &row.Usage.Output, &cost, &call); err != nil {
			return err
		}
		row.cost = price.Cost{Nano: cost.Int64, Known: cost.Valid}
		if err := json.Unmarshal([]byte(call), &row.Call); err != nil {
			return fmt.Errorf("reservation %d: %w", row.id, err)
		}
		row.orphan()
		list = append(list, op{settle: row})
		return nil
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	_, err = tx.Exec(ctx, "DELETE FROM ledger_reservations WHERE node = ?", node)
	return list, err
}

// errUndo takes back what was written only to be looked at.
var errUndo = errors.New("it was only looked at")

// asIfApplied runs f on the store as it would be if it had what the log of a house has that does not
// run; f is given the calls that are reserved there. Nothing stays written.
func asIfApplied(ctx context.Context, needs Needs, f func(ctx context.Context, tx store.Tx, open []*callRow) error) error {
	if needs.Journal != nil {
		needs.Node = needs.Journal.Node()
	}
	var l left
	err := needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		at, err := positionOf(ctx, tx, needs.Node)
		if err != nil {
			return err
		}
		if l, err = leftIn(needs.Dir, at); err != nil || len(l.settled) > 0 {
			return err
		}
		return f(ctx, tx, l.open)
	})
	if err != nil || len(l.settled) == 0 {
		return err
	}
	for _, o := range l.settled {
		o.settle.node = needs.Node
	}
	looked := false
	err = needs.Store.Write(ctx, func(ctx context.Context, tx store.Tx) error {
		s := &scratch{now: needs.lately, observed: true}
		fresh, err := s.fresh(ctx, tx, l.settled)
		if err != nil {
			return err
		}
		if err := s.write(ctx, tx, fresh); err != nil {
			return err
		}
		looked = true
		if err := f(ctx, tx, l.open); err != nil {
			return err
		}
		return errUndo
	})
	switch {
	case errors.Is(err, errUndo):
		return nil
	case looked:
		return err
	}
	needs.Log.Warn("the last calls of a house that does not run are left out, for the store takes nothing", "calls", len(l.settled), "error", err)
	return needs.Store.Read(ctx, func(ctx context.Context, tx store.Tx) error { return f(ctx, tx, l.open) })
}
