// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"database/sql"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

// planner asks the database how it would run each query, and runs it.
type planner struct {
	store.Tx
	t       *testing.T
	dialect string
	plans   map[string]string
}

func (p *planner) explain(ctx context.Context, query string, args []any) {
	p.t.Helper()
	prefix := "EXPLAIN "
	if p.dialect == store.SQLite {
		prefix = "EXPLAIN QUERY PLAN "
	}
	rows, err := p.Tx.Query(ctx, prefix+query, args...)
	if err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	plan := ""
	for rows.Next() {
		var line string
		var a, b, c any
		if p.dialect == store.SQLite {
			err = rows.Scan(&a, &b, &c, &line)
		} else {
			err = rows.Scan(&line)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		plan += line + "\n"
	}
	if err := rows.Err(); err != nil {
		p.t.Fatal(err)
	}
	p.plans[query] = plan
}

func (p *planner) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	p.explain(ctx, query, args)
	return p.Tx.Exec(ctx, query, args...)
}

func (p *planner) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p.explain(ctx, query, args)
	return p.Tx.Query(ctx, query, args...)
}

func (p *planner) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	p.explain(ctx, query, args)
	return p.Tx.QueryRow(ctx, query, args...)
}

// prefer has PostgreSQL show an index wherever one can be used, for its tables are small here.
func prefer(ctx context.Context, t *testing.T, tx store.Tx, dialect string) {
	t.Helper()
	if dialect != store.Postgres {
		return
	}
	var on string
	if err := tx.QueryRow(ctx, "SELECT set_config('enable_seqscan', 'off', true)").Scan(&on); err != nil {
		t.Fatal(err)
	}
}

// TestNothingGrowsWithTheLedger: no report and no booking reads a table from end to end, nor the rows
// of a day: reports search the sums by their time, bookings search by a key.
func TestNothingGrowsWithTheLedger(t *testing.T) {
	t.Parallel()
	storetest.Each(t, tables(), func(t *testing.T, s *store.Store) {
		l := openWith(t, s, nil)
		now := time.Now()
		observe(t, l, seen("a", "msg_1", now, 1, 1), seen("b", "msg_2", now, 1, 1))
		p := &planner{t: t, dialect: s.Dialect(), plans: map[string]string{}}
		err := s.Read(t.Context(), func(ctx context.Context, tx store.Tx) error {
			prefer(ctx, t, tx, p.dialect)
			p.Tx = tx
			q := &query{ctx: ctx, tx: p}
			q.summary(now, l.midnight(now), 24)
			for _, by := range []string{"agent", "day", "session", "source"} {
				q.usage(by, false, part{since: now.Add(-time.Hour), until: now}, time.UTC)
			}
			q.sessions(part{since: now.Add(-time.Hour)}, 10)
			q.blocks(part{since: now.Add(-time.Hour)}, now)
			return q.err
		})
		if err != nil {
			t.Fatal(err)
		}
		for query, plan := range p.plans {
			if strings.Contains(query, "ledger_calls") {
				t.Errorf("a report reads rows: %s", query)
			}
			searched(t, query, plan)
		}
		p.plans = map[string]string{}
		bookThroughPlanner(t, s, p, now)
		for query, plan := range p.plans {
			searched(t, query, plan)
		}
	})
}

func bookThroughPlanner(t *testing.T, s *store.Store, p *planner, now time.Time) {
	t.Helper()
	truth := done(1, 1)
	truth.ResponseID = "msg_1"
	c := call("a")
	c.Session = "s1"
	l := New(Needs{Prices: flat{}})
	err := s.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
		prefer(ctx, t, tx, p.dialect)
		p.Tx = tx
		at, err := positionOf(ctx, p, "here")
		if err == nil {
			_, err = advance(ctx, p, "here", at.batch, at)
		}
		if err != nil {
			return err
		}
		return (&scratch{now: time.Now, observed: true}).write(ctx, p, []op{
			{settle: &callRow{id: 1 << 50, reservation: 5, time: now.UnixNano(), source: SourceGateway, Call: c, Result: truth}},
			{observe: []*observedRow{rowOf(l.needs, seen("b", "msg_2", now, 5, 5), now), rowOf(l.needs, seen("c", "msg_9", now, 5, 5), now), rowOf(l.needs, seen("d", "", now, 5000, 5), now)}},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func searched(t *testing.T, query, plan string) {
	t.Helper()
	for line := range strings.Lines(plan) {
		if strings.Contains(line, "SCAN ledger_") || strings.Contains(line, "Seq Scan on ledger_") {
			t.Errorf("%s\n%s", query, plan)
		}
	}
	if !strings.HasPrefix(query, "INSERT") && !strings.Contains(plan, "SEARCH ledger_") && !strings.Contains(plan, "Index") {
		t.Errorf("nothing is searched: %s\n%s", query, plan)
	}
}

// TestUpdateFromTheFirstTables: what an older house booked is in the sums of the new one.
func TestUpdateFromTheFirstTables(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{store.SQLite, store.Postgres} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			name := "migrations/" + dialect + "/00001_ledger.sql"
			text, err := fs.ReadFile(Migrations(), name)
			if err != nil {
				t.Fatal(err)
			}
			options := storetest.Options(t, dialect, []store.Migration{{Package: "ledger", FS: fstest.MapFS{name: {Data: text}}}})
			old := store.New(options.Path)
			if err := old.Open(t.Context(), options); err != nil {
				t.Fatal(err)
			}
			err = old.Write(t.Context(), func(ctx context.Context, tx store.Tx) error {
				for i := range int64(100) {
					at := time.Now().Add(-time.Duration(i) * time.Minute)
					_, err := tx.Exec(ctx, "INSERT INTO ledger_calls VALUES (?, ?, 'here', 't', 'k', ?, 'u', 'chat', 'p', 'm', 'd', 1, 2, 3, 4, 5, 1, ?, 'ok', 0, 1, 1, 'r')",
						firstID(at)+i, at.UnixNano(), []string{"ada", "bob"}[i%2], i%2)
					if err != nil {
						return err
					}
				}
				_, err := tx.Exec(ctx, "INSERT INTO ledger_reservations VALUES (7, 'here', ?, 10, 20, '{\"agent\":\"ada\"}')", time.Now().UnixNano())
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			options.Migrations = tables()
			s := storetest.Open(t, options)
			l := openWith(t, s, nil)
			agree(t, l, s, nil, 100*15+30)
			got, err := asked(l).usage(t.Context(), usageInput{By: "agent", Since: "2d"})
			if err != nil || len(got.Rows) != 2 || got.Sum.Calls != 101 || got.Sum.Estimated != 51 || got.Sum.Unpriced != 101 || got.Sum.Cost != "?" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
