// SPDX-License-Identifier: Apache-2.0

//go:build linux

package calls

import (
	"database/sql"
	"fmt"
	"path/filepath"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"holdfast/core/store"
)

// A row is what the ledger has of a call.
type row struct {
	times         int
	key, status   string
	input, output int
	estimated     bool
	nano          int64
}

// books is the ledger as it stands on disk.
type books struct {
	rows         map[string]row   // by the call's name
	tokens, nano map[string]int64 // by key
	total        int64
	days         map[int64]int64  // of the key tokens, by the day
	minutes      map[int64]int64  // of all, by the minute
	sums         map[string]int64 // what each table of sums adds up to
}

func (h *house) database() (*sql.DB, error) {
	if h.store != "" {
		return sql.Open("pgx", h.store)
	}
	return store.OpenFile(h.t.Context(), filepath.Join(h.dir, "var", "house.db"), true)
}

// read reads the ledger in its database, beside the house.
func (h *house) read() books {
	h.t.Helper()
	db, err := h.database()
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(h.t.Context(), nil) // one state of the books
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	b := books{
		rows: map[string]row{}, tokens: map[string]int64{}, nano: map[string]int64{}, days: map[int64]int64{},
		minutes: map[int64]int64{}, sums: map[string]int64{},
	}
	rows, err := tx.QueryContext(h.t.Context(),
		"SELECT session, api_key, status, input + cached_read + cache_write_5m + cache_write_1h, output + reasoning, estimated, COALESCE(cost, -1), time_ns / 60000000000 FROM ledger_calls")
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var r row
		var minute int64
		if err := rows.Scan(&name, &r.key, &r.status, &r.input, &r.output, &r.estimated, &r.nano, &minute); err != nil {
			h.t.Fatal(err)
		}
		r.times = b.rows[name].times + 1
		b.rows[name] = r
		b.tokens[r.key] += int64(r.input + r.output)
		b.nano[r.key] += r.nano
		b.total += int64(r.input + r.output)
		b.minutes[minute] += int64(r.input + r.output)
		if r.key == "tokens" {
			b.days[minute/(24*60)] += int64(r.input + r.output)
		}
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	for _, table := range []string{"ledger_sums", "ledger_minutes", "ledger_sessions"} {
		var sum int64
		query := "SELECT CAST(COALESCE(SUM(input + cached_read + cache_write_5m + cache_write_1h + output + reasoning), 0) AS BIGINT) FROM " + table
		if err := tx.QueryRowContext(h.t.Context(), query).Scan(&sum); err != nil {
			h.t.Fatal(err)
		}
		b.sums[table] = sum
	}
	return b
}

// settled tells that no call is under way, and has the house bring all that is settled into its store.
func (h *house) settled() bool {
	h.t.Helper()
	var burn struct{ Reserved int64 }
	if h.must(&burn, "breaker", "status"); burn.Reserved != 0 {
		return false
	}
	h.must(nil, "tokens")
	return true
}

// agree compares what clients and the upstream saw with the books, and lists what is wrong. When
// settled, all that a client saw whole has its true row and none that a crash left.
func (b books) agree(a *accounts, settled func(name string) bool) (wrong []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for name, r := range b.rows {
		if r.times != 1 {
			complain("%s has %d rows", name, r.times)
		}
		if a.asked[name] == 0 && r.status == "ok" {
			complain("%s is booked as answered, and the upstream was never asked", name)
		}
		if status := a.refused[name]; status != 0 {
			complain("%s was refused with %d, and has a row: %+v", name, status, r)
		}
		if said := a.answers[name]; !r.estimated && (r.input != said.input || r.output != said.output) {
			complain("%s is booked as %+v, and the upstream said %+v", name, r, said)
		}
		if want := int64(r.input)*1000 + int64(r.output)*3000; !r.estimated && r.nano != want {
			complain("%s is booked with %d nano-dollars, want %d", name, r.nano, want)
		}
	}
	for name, times := range a.asked {
		if b.rows[name].times != 1 || times != 1 {
			complain("the upstream was asked %d times for %s, which has %d rows", times, name, b.rows[name].times)
		}
	}
	for name, got := range a.complete {
		r := b.rows[name]
		if r.times != 1 || r.input+r.output < got.input+got.output {
			complain("%s was answered whole with %+v, and is booked as %+v", name, got, r)
		}
		if settled(name) && (r.status != "ok" || r.estimated) {
			complain("%s was answered whole and settled, and is booked as %+v", name, r)
		}
	}
	for table, sum := range b.sums {
		if sum != b.total {
			complain("%s adds up to %d tokens, the rows to %d", table, sum, b.total)
		}
	}
	return append(wrong, a.strange...)
}
