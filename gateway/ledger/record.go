// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"time"

	"holdfast/gateway/price"
)

// The kinds of records in the log. A reservation that is there again is as it says last.
const (
	recordReserved = 1
	recordSettled  = 2
)

// settledRoom is more than the record of any settlement takes.
const settledRoom = 4096

// recorder writes a record: integers as varints, texts with their length before them.
type recorder struct{ b []byte }

func (r *recorder) begin(kind byte)    { r.b = append(r.b[:0], kind) }
func (r *recorder) number(n int64)     { r.b = binary.AppendVarint(r.b, n) }
func (r *recorder) numbers(n ...int64) { r.each(n) }

func (r *recorder) each(list []int64) {
	for _, n := range list {
		r.number(n)
	}
}

func (r *recorder) text(s string) {
	s = short(s)
	r.b = append(binary.AppendUvarint(r.b, uint64(len(s))), s...)
}

func (r *recorder) cost(c price.Cost) {
	if !c.Known {
		r.b = append(r.b, 0)
		return
	}
	r.b = append(r.b, 1)
	r.number(c.Nano)
}

func (r *recorder) call(c *Call) {
	for _, s := range [...]string{c.Caller, c.Key, c.Tenant, c.Agent, c.Unit, c.Session, c.Alias, c.Provider, c.Model, c.Dialect, c.RequestID} {
		r.text(s)
	}
}

// reserved writes a reservation as it stands.
func (r *recorder) reserved(of *Reservation) []byte {
	r.begin(recordReserved)
	r.numbers(of.id, of.began.UnixNano(), of.input, of.held-of.input)
	r.cost(of.cost)
	r.call(&of.call)
	return r.b
}

// settled writes a row of the gateway.
func (r *recorder) settled(row *callRow) []byte {
	estimated := int64(0)
	if row.Estimated {
		estimated = 1
	}
	u := &row.Usage
	r.begin(recordSettled)
	r.numbers(row.id, row.reservation, row.time, row.latency, int64(row.FirstToken), int64(row.Fallback), estimated,
		u.Input, u.CachedRead, u.CacheWrite5m, u.CacheWrite1h, u.Output, u.Reasoning)
	r.cost(row.cost)
	r.call(&row.Call)
	for _, s := range [...]string{row.Result.Provider, row.Result.Model, row.Status, row.ResponseID} {
		r.text(s)
	}
	return r.b
}

// errRecord is a record that is whole and not understood: another version wrote it.
var errRecord = errors.New("the record is of no kind that this version knows")

// teller reads a record.
type teller struct {
	b   []byte
	bad bool
}

func (t *teller) number() int64 {
	n, size := binary.Varint(t.b)
	if size <= 0 {
		t.bad, t.b = true, nil
		return 0
	}
	t.b = t.b[size:]
	return n
}

func (t *teller) numbers(into ...*int64) {
	for _, n := range into {
		*n = t.number()
	}
}

func (t *teller) text() string {
	n, size := binary.Uvarint(t.b)
	if size <= 0 || n > uint64(len(t.b)-size) {
		t.bad, t.b = true, nil
		return ""
	}
	s := string(t.b[size : size+int(n)])
	t.b = t.b[size+int(n):]
	return s
}

func (t *teller) cost() price.Cost {
	if len(t.b) == 0 {
		t.bad = true
		return price.Cost{}
	}
	known := t.b[0] != 0
	t.b = t.b[1:]
	if !known {
		return price.Cost{}
	}
	return price.Cost{Nano: t.number(), Known: true}
}

func (t *teller) call(c *Call) {
	for _, s := range [...]*string{&c.Caller, &c.Key, &c.Tenant, &c.Agent, &c.Unit, &c.Session, &c.Alias, &c.Provider, &c.Model, &c.Dialect, &c.RequestID} {
		*s = t.text()
	}
}

// row reads either kind: a reservation as the row that it is when nothing settles it.
func (t *teller) row() (r *callRow, settled bool, err error) {
	if len(t.b) == 0 {
		return nil, false, errRecord
	}
	kind := t.b[0]
	t.b = t.b[1:]
	r = &callRow{source: SourceGateway}
	switch kind {
	case recordReserved:
		t.numbers(&r.id, &r.time, &r.Usage.Input, &r.Usage.Output)
		r.cost = t.cost()
		t.call(&r.Call)
		r.reservation = r.id
		r.orphan()
	case recordSettled:
		var first, fallback, estimated int64
		u := &r.Usage
		t.numbers(&r.id, &r.reservation, &r.time, &r.latency, &first, &fallback, &estimated,
			&u.Input, &u.CachedRead, &u.CacheWrite5m, &u.CacheWrite1h, &u.Output, &u.Reasoning)
		r.cost = t.cost()
		t.call(&r.Call)
		r.FirstToken, r.Fallback, r.Estimated = time.Duration(first), int(fallback), estimated != 0
		r.Result.Provider, r.Result.Model, r.Status, r.ResponseID = t.text(), t.text(), t.text(), t.text()
	default:
		return nil, false, errRecord
	}
	if t.bad {
		return nil, false, errRecord
	}
	return r, kind == recordSettled, nil
}

// orphan makes a reservation the row of a call that a crash left.
func (r *callRow) orphan() {
	r.Result.Provider, r.Result.Model, r.Status, r.Estimated = r.Call.Provider, r.Call.Model, StatusOrphan, true
}
