// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// A committer is the one writer of a database. Each caller's function runs in the caller's own
// goroutine, when its turn comes, on a transaction that the committer opened; the committer waits
// for it, opens the next turn while callers are waiting, commits, and then answers them all.
//
//	caller:     jobs ──▶ turn ──▶ fn ──▶ ran ───────────────▶ done
//	committer:  begin ─▶ savepoint ────▶ release … commit ──▶
type committer struct {
	db      *database
	jobs    chan *job
	stop    chan struct{}
	stopped chan struct{}
	conn    *sql.Conn
	stmts   map[string]*sql.Stmt
	words   transactionWords
	most    int
	scarred bool // the log holds a commit that was taken back
}

// transactionWords are the dialect's ways to say a transaction.
type transactionWords struct {
	begin []string
	plain []any // arguments that make the driver send a statement as it is
}

const (
	groupTime  = time.Minute // a group that takes longer has lost its server
	statements = 256         // cached on the writing connection
)

// job is one caller's write.
type job struct {
	turn chan *writeTx
	gone chan struct{} // closed by a caller who gave up before its turn
	ran  chan error
	done chan error
}

type writeKey struct{}

var (
	errPanicked = errors.New("the function did not return")
	errGroup    = errors.New("the transaction was lost")
)

func newCommitter(db *database, words transactionWords, most int) *committer {
	c := &committer{
		db:      db,
		jobs:    make(chan *job),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		stmts:   map[string]*sql.Stmt{},
		words:   words,
		most:    most,
	}
	go c.run()
	return c
}

func (c *committer) close() {
	close(c.stop)
	<-c.stopped
}

func (c *committer) write(ctx context.Context, fn func(context.Context, Tx) error) error {
	j := &job{
		turn: make(chan *writeTx),
		gone: make(chan struct{}),
		ran:  make(chan error, 1),
		done: make(chan error, 1),
	}
	select {
	case c.jobs <- j:
	case <-ctx.Done():
		return fmt.Errorf("cannot write: %w", context.Cause(ctx))
	case <-c.stopped:
		return fmt.Errorf("cannot write: %w", errClosed)
	}
	select {
	case tx := <-j.turn:
		return j.run(ctx, tx, fn)
	case err := <-j.done:
		return err
	case <-ctx.Done():
		close(j.gone)
		return fmt.Errorf("cannot write: %w", context.Cause(ctx))
	}
}

// run is the caller's turn. A panic of fn, or its goroutine's end, gives the turn back and goes on.
func (j *job) run(ctx context.Context, tx *writeTx, fn func(context.Context, Tx) error) error {
	returned := false
	defer func() {
		if !returned {
			j.ran <- errPanicked
		}
	}()
	err := fn(context.WithValue(ctx, writeKey{}, true), tx)
	returned = true
	j.ran <- err
	return <-j.done
}

func (c *committer) run() {
	defer close(c.stopped)
	defer c.disconnect()
	for {
		select {
		case j := <-c.jobs:
			c.group(j)
		case <-c.stop:
			return
		}
	}
}

// group runs one transaction for first and all who come while it runs.
func (c *committer) group(first *job) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTime)
	defer cancel()
	if err := c.begin(ctx); err != nil {
		first.done <- fmt.Errorf("cannot write: %w", c.db.where.explain(err))
		return
	}
	var members []*job
	var lost error
	for j := first; j != nil && lost == nil; j = c.next(len(members), lost) {
		var joined bool
		if joined, lost = c.take(ctx, j); joined {
			members = append(members, j)
		}
	}
	err := c.end(ctx, len(members), lost)
	for _, j := range members {
		j.done <- err
	}
}

// next is the next caller who waits, nil when nobody does or the group is full or lost.
func (c *committer) next(members int, lost error) *job {
	if members >= c.most || lost != nil {
		return nil
	}
	for range 2 {
		select {
		case j := <-c.jobs:
			return j
		default:
			runtime.Gosched() // those just answered may be on their way with their next
		}
	}
	return nil
}

// take gives one caller its turn within a savepoint. It tells whether the caller joined the
// group, and an error when the whole transaction was lost. A caller who did not join was answered.
func (c *committer) take(ctx context.Context, j *job) (joined bool, lost error) {
	if err := c.exec(ctx, "SAVEPOINT holdfast"); err != nil {
		j.done <- fmt.Errorf("cannot write: %w", c.db.where.explain(err))
		return false, err
	}
	tx := &writeTx{c: c, ctx: ctx}
	select {
	case j.turn <- tx:
	case <-j.gone:
		return false, c.exec(ctx, "RELEASE SAVEPOINT holdfast")
	}
	err := <-j.ran
	tx.finish()
	if err == nil && tx.failed != nil {
		err = fmt.Errorf("cannot write: a statement failed: %w", tx.failed)
	}
	if err == nil {
		if err = c.exec(ctx, "RELEASE SAVEPOINT holdfast"); err == nil {
			return true, nil
		}
		err = fmt.Errorf("cannot write: %w", c.db.where.explain(err))
	}
	lost = c.exec(ctx, "ROLLBACK TO SAVEPOINT holdfast")
	if lost == nil {
		lost = c.exec(ctx, "RELEASE SAVEPOINT holdfast")
	}
	j.done <- err
	if lost != nil {
		lost = errors.Join(lost, tx.failed)
	}
	return false, lost
}

// begin opens a transaction, on a new connection when the old one is gone: nothing was said on it
// yet, so saying it again is safe.
func (c *committer) begin(ctx context.Context) error {
	if err := c.heal(ctx); err != nil {
		return err
	}
	fresh := c.conn == nil
	err := c.tryBegin(ctx)
	if err == nil {
		return nil
	}
	c.disconnect()
	if fresh || c.db.dialect != Postgres {
		return err
	}
	if err = c.tryBegin(ctx); err != nil {
		c.disconnect()
	}
	return err
}

func (c *committer) tryBegin(ctx context.Context) error {
	if c.conn == nil {
		conn, err := c.db.writers.Conn(ctx)
		if err != nil {
			return err
		}
		c.conn = conn
	}
	for _, words := range c.words.begin {
		if err := c.exec(ctx, words); err != nil {
			return err
		}
	}
	return nil
}

// end commits, or gives up the transaction and, since its state is unknown, its connection.
func (c *committer) end(ctx context.Context, members int, lost error) error {
	if lost == nil && members == 0 {
		lost = c.exec(ctx, "ROLLBACK")
		if lost != nil {
			c.disconnect()
		}
		return nil
	}
	if lost == nil {
		err := c.commit(ctx)
		if err == nil {
			return nil
		}
		lost = err
	} else {
		lost = errors.Join(errGroup, lost)
	}
	_ = c.exec(ctx, "ROLLBACK")
	c.disconnect()
	c.scarred = c.scarred || diskFailed(lost)
	if err := c.heal(ctx); err != nil || unanswered(lost) {
		return fmt.Errorf("cannot write: whether it was committed is not known: %w", errors.Join(c.db.where.explain(lost), err))
	}
	return fmt.Errorf("cannot write: nothing was committed: %w", c.db.where.explain(lost))
}

// heal writes over what a commit whose sync failed left in SQLite's write-ahead log. SQLite took
// that commit back, but its frames are whole, and who opens the database next would find it done.
// Nothing else is written before this succeeds.
func (c *committer) heal(ctx context.Context) error {
	if !c.scarred {
		return nil
	}
	err := c.overwrite(ctx)
	c.scarred = err != nil
	if err != nil {
		c.disconnect()
	}
	return err
}

// overwrite commits a change that nobody reads: of the number that SQLite keeps for applications.
func (c *committer) overwrite(ctx context.Context) error {
	if err := c.tryBegin(ctx); err != nil {
		return err
	}
	var n int32
	if err := c.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&n); err != nil {
		return err
	}
	if _, err := c.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", (n+1)&0xffff)); err != nil {
		return err
	}
	return c.commit(ctx)
}

func (c *committer) commit(ctx context.Context) error {
	if c.db.dialect == Postgres {
		return commitPostgres(ctx, c.conn)
	}
	return c.exec(ctx, "COMMIT")
}

// exec says a transaction's word, which has no argument and no result.
func (c *committer) exec(ctx context.Context, words string) error {
	if c.db.dialect == SQLite {
		stmt, err := c.prepared(ctx, words) //nolint:sqlclosecheck // forget closes it
		if err != nil {
			return err
		}
		_, err = stmt.ExecContext(context.Background())
		return err
	}
	_, err := c.conn.ExecContext(ctx, words, c.words.plain...)
	return err
}

// prepared keeps SQLite's statements; PostgreSQL's driver keeps its own.
func (c *committer) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := c.stmts[query]; ok {
		return stmt, nil
	}
	if len(c.stmts) >= statements {
		c.forget()
	}
	stmt, err := c.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = stmt
	return stmt, nil
}

func (c *committer) forget() {
	for _, stmt := range c.stmts {
		_ = stmt.Close()
	}
	clear(c.stmts)
}

// disconnect closes the writing connection for good: it does not go back to the pool.
func (c *committer) disconnect() {
	if c.conn == nil {
		return
	}
	c.forget()
	_ = c.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.conn.Close()
	c.conn = nil
}

// writeTx is the Tx of Write. Its statements run to their end even when the caller's context is
// cancelled meanwhile, for a statement broken off would take the whole group with it.
type writeTx struct {
	c      *committer
	ctx    context.Context // the group's
	failed error
	rows   []*sql.Rows
	over   bool
}

func (t *writeTx) usable(ctx context.Context) error {
	if t.over {
		return errors.New("the transaction is over")
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (t *writeTx) fail(err error) error {
	err = t.c.db.where.explain(err)
	if err != nil && t.failed == nil {
		t.failed = err
	}
	return err
}

func (t *writeTx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	if t.c.db.dialect == Postgres {
		result, err := t.c.conn.ExecContext(t.ctx, rebind(query), args...)
		return result, t.fail(err)
	}
	stmt, err := t.c.prepared(t.ctx, query) //nolint:sqlclosecheck // forget closes it
	if err != nil {
		return nil, t.fail(err)
	}
	result, err := stmt.ExecContext(context.Background(), args...)
	return result, t.fail(err)
}

func (t *writeTx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	rows, err := t.c.conn.QueryContext(t.ctx, t.c.db.bind(query), args...)
	if err != nil {
		return nil, t.fail(err)
	}
	t.rows = append(t.rows, rows)
	return rows, rows.Err()
}

func (t *writeTx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if t.usable(ctx) != nil {
		ended, cancel := context.WithCancel(context.WithoutCancel(ctx))
		cancel()
		return t.c.db.readers.QueryRowContext(ended, query) // a row that holds the error
	}
	row := t.c.conn.QueryRowContext(t.ctx, t.c.db.bind(query), args...)
	_ = t.fail(row.Err())
	return row
}

// finish closes what the function left open and ends the use of the transaction.
func (t *writeTx) finish() {
	for _, rows := range t.rows {
		_ = rows.Close()
	}
	t.over = true
}
