// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/gateway/breaker/judge"
	"holdfast/gateway/ledger"
)

// open lets all pass.
type open struct{}

func (open) Admit(ledger.Claim, judge.Burn) error { return nil }

func (open) Booked(ledger.Claim, judge.Burn) {}

// A world is a user's folder, a home, and a house's telemetry with a real ledger.
type world struct {
	t    *testing.T
	user string
	home home.Home
	l    *ledger.Ledger
	tm   *Telemetry
	log  bytes.Buffer
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, user: t.TempDir(), home: home.At(t.TempDir())}
	s := storetest.SQLite(t, []store.Migration{{Package: "ledger", FS: ledger.Migrations()}})
	w.l = ledger.New(ledger.Needs{Store: s, Dir: w.home.Var("ledger"), Node: "here", Gate: open{}})
	if err := w.l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.l.Stop(context.WithoutCancel(t.Context())) })
	w.restart()
	return w
}

// restart is what a crash leaves: a new telemetry over the same files.
func (w *world) restart() {
	settings := Defaults()
	w.tm = New(Needs{
		Home: w.home, Config: &settings, Books: w.l, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Getenv: func(string) string { return "" }, UserHome: func() (string, error) { return w.user, nil },
	})
}

func (w *world) add(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.user, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString(text)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) scan() Status {
	w.t.Helper()
	s, err := w.tm.scanNow(w.t.Context(), action.Nothing{})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) want(calls, tokens int64) {
	w.t.Helper()
	sums, err := w.l.Spent(w.t.Context(), "house", time.Now().Add(-24*time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	if s := sums[""]; s.Calls != calls || s.Tokens != tokens {
		w.t.Errorf("%d calls, %d tokens; want %d and %d", s.Calls, s.Tokens, calls, tokens)
	}
}

const talk = ".claude/projects/-p/s1.jsonl"

func answer(n int, tokens int64, at time.Time) string {
	return fmt.Sprintf(`{"sessionId":"s1","requestId":"r%d","timestamp":"%s","message":{"id":"msg_%d","model":"claude-x","usage":{"input_tokens":%d,"output_tokens":0}}}`,
		n, at.UTC().Format(time.RFC3339Nano), n, tokens) + "\n"
}

func TestWhatAgentsSpendIsInTheBooksOnce(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.add(talk, answer(1, 10, now)+answer(1, 30, now))
	w.scan()
	w.want(1, 30)
	w.add(talk, answer(1, 35, now)+answer(2, 5, now.Add(time.Hour))) // a clock ahead
	w.scan()
	w.want(2, 40)
	for name, lose := range map[string]func(){
		"a crash":           func() {},
		"a proper end":      func() { _ = w.tm.Stop(t.Context()) },
		"the state is lost": func() { _ = os.Remove(w.tm.folder("state.json")) },
		"the state is spoilt": func() {
			if err := os.WriteFile(w.tm.folder("state.json"), []byte("{\x00"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"all is lost": func() { _ = os.RemoveAll(w.tm.folder()) },
	} {
		lose()
		w.restart()
		w.scan()
		w.want(2, 40)
		if b := w.tm.eyes.board; b.Today.Tokens != 40 && now.UTC().Hour() < 23 {
			t.Errorf("after %s today has %d tokens", name, b.Today.Tokens)
		}
		if s := w.tm.eyes.board.Sessions["s1"]; s == nil || s.Tokens != 40 {
			t.Errorf("after %s the session has %+v", name, s)
		}
	}
}

func TestCallsOfTheGatewayCountOnce(t *testing.T) {
	w := newWorld(t)
	r, err := w.l.Reserve(t.Context(), ledger.Call{Provider: "anthropic", Model: "claude-x"}, 10, 10)
	if err != nil {
		t.Fatal(err)
	}
	result := ledger.Result{Provider: "anthropic", Model: "claude-x", Status: ledger.StatusOK, ResponseID: "msg_7"}
	result.Usage.Input = 25
	r.Settle(result)
	w.add(talk, answer(7, 25, time.Now())+answer(8, 3, time.Now()))
	w.scan()
	w.want(2, 28)
	codex := func(id, provider string, tokens int) {
		at := time.Now().UTC().Format(time.RFC3339Nano)
		w.add(".codex/sessions/"+id+".jsonl", fmt.Sprintf(`{"timestamp":"%s","type":"session_meta","payload":{"id":"%s","model_provider":"%s"}}
{"timestamp":"%s","type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":%d}}}}
`, at, id, provider, at, tokens))
	}
	codex("a", "openai", 100)
	codex("b", "holdfast", 1000)
	w.scan()
	w.want(3, 128)
}

// shut is a ledger that is closed for a while.
type shut struct {
	*ledger.Ledger
	err error
}

func (s *shut) Observe(ctx context.Context, seen []ledger.Observation) error {
	if s.err != nil {
		return s.err
	}
	return s.Ledger.Observe(ctx, seen)
}

func TestWhatTheLedgerRefusesIsToldAgain(t *testing.T) {
	w := newWorld(t)
	books := &shut{w.l, errors.New("the disk is full")}
	w.tm.needs.Books = books
	w.add(talk, answer(1, 10, time.Now()))
	if every := w.tm.glance(t.Context()); every != 15*time.Second {
		t.Errorf("looks again after %s", every)
	}
	w.want(0, 0)
	if !strings.Contains(w.log.String(), "the disk is full") {
		t.Errorf("nothing is said: %s", w.log.String())
	}
	books.err = nil
	w.tm.glance(t.Context())
	w.want(1, 10)
}

func TestAProblemIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	if err := os.MkdirAll(filepath.Join(w.user, ".codex"), 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(w.user, ".codex/sessions")
	if err := os.Symlink("sessions", link); err != nil { // a link to itself
		t.Fatal(err)
	}
	for range 3 {
		if s := w.scan(); len(s.Problems) != 1 {
			t.Errorf("%+v", s.Problems)
		}
	}
	if n := strings.Count(w.log.String(), "level=WARN"); n != 1 {
		t.Errorf("said %d times: %s", n, w.log.String())
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if s := w.scan(); len(s.Problems) != 0 {
		t.Errorf("%+v", s.Problems)
	}
}

func TestOff(t *testing.T) {
	w := newWorld(t)
	w.tm.needs.Config.Enabled = false
	w.add(talk, answer(1, 10, time.Now()))
	w.tm.glance(t.Context())
	w.want(0, 0)
	fresh := Defaults()
	w.tm.Apply(fresh)
	w.tm.glance(t.Context())
	w.want(1, 10)
}

// TestAskedWhileTheSectionChanges is for the race detector.
func TestAskedWhileTheSectionChanges(t *testing.T) {
	w := newWorld(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 100 {
			fresh := Defaults()
			fresh.Enabled, fresh.Claude = i%2 == 1, []string{w.user}
			w.tm.Apply(fresh)
		}
	}()
	for range 100 {
		if _, err := w.tm.state(t.Context(), action.Nothing{}); err != nil {
			t.Fatal(err)
		}
	}
	<-done
	if s, err := w.tm.state(t.Context(), action.Nothing{}); err != nil || s.State != "on" || len(s.Folders) == 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestFoldersOfTheSection(t *testing.T) {
	w := newWorld(t)
	w.tm.needs.Config.Claude = []string{"~/elsewhere", filepath.Join(w.user, "more")}
	w.tm.needs.Config.Gemini = []string{"~/g"}
	w.add("elsewhere/projects/p/a.jsonl", answer(1, 1, time.Now()))
	w.add("more/projects/p/b.jsonl", answer(2, 10, time.Now()))
	w.add(talk, answer(3, 100, time.Now()))
	w.add("g/tmp/x/chats/c.json", fmt.Sprintf(`{"messages":[{"id":"1","type":"gemini","model":"m","timestamp":"%s","tokens":{"input":1000,"total":1000}}]}`, time.Now().UTC().Format(time.RFC3339)))
	w.scan()
	w.want(3, 1011)
	for _, every := range []time.Duration{0, 2 * time.Hour} {
		c := Defaults()
		c.Every = config.Duration(every)
		if len(c.Check()) != 1 {
			t.Errorf("%s passes", every)
		}
	}
}

func TestTheDatabaseOfOpenCode(t *testing.T) {
	w := newWorld(t)
	w.add(".local/share/opencode/storage/message/ses/m1.json", message("m1", 5))
	path := filepath.Join(w.user, ".local/share/opencode/opencode.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec("PRAGMA journal_mode = WAL")
	w.scan()
	w.want(1, 5) // a database without the table
	exec("CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_created INTEGER, time_updated INTEGER, data TEXT)")
	insert := "INSERT OR REPLACE INTO message VALUES (?, 'ses', 0, ?, ?)"
	exec(insert, "m1", 1, message("m1", 5)) // moved in from its file
	exec(insert, "m2", 2, message("", 7))
	exec(insert, "m3", 3, "{")
	w.scan()
	w.want(2, 12)
	exec(insert, "m2", 4, message("", 9)) // it grew
	exec(insert, "m4", 4, message("", 100))
	w.scan()
	w.want(3, 114)
	exec("CREATE TABLE session_message (id TEXT PRIMARY KEY, session_id TEXT, type TEXT, time_created INTEGER, time_updated INTEGER, data TEXT)")
	exec("INSERT INTO session_message VALUES ('m5', 'ses', 'assistant', 5, 5, ?), ('m6', 'ses', 'user', 5, 5, ?), ('m4', 'ses', 'assistant', 4, 5, ?)",
		strings.Replace(message("", 1000), `"modelID":"m","providerID":"p"`, `"model":{"id":"m","providerID":"p"}`, 1), message("", 9000), message("", 100))
	w.scan()
	w.want(4, 1114)
	w.restart()
	w.scan()
	w.want(4, 1114)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := w.scan(); len(s.Problems) != 1 {
		t.Errorf("problems %v, want the database", s.Problems)
	}
	w.want(4, 1114)
}

func message(id string, input int) string {
	name := ""
	if id != "" {
		name = fmt.Sprintf(`"id":"%s",`, id)
	}
	return fmt.Sprintf(`{%s"role":"assistant","modelID":"m","providerID":"p","cost":0,"time":{"created":%d},"tokens":{"input":%d,"output":0,"reasoning":0,"cache":{"read":0,"write":0}}}`,
		name, time.Now().UnixMilli(), input)
}

// TestAStateThatCannotBeWritten is what a full disk does: nothing is lost, and it is written later.
func TestAStateThatCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	w.add(talk, answer(1, 10, time.Now()))
	for _, name := range []string{"seen/x", "state.json/x", "board.json/x"} { // folders stand in their places
		if err := os.MkdirAll(w.tm.folder(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.scan()
	w.tm.save(time.Now())
	w.want(1, 10)
	if n := strings.Count(w.log.String(), "cannot write"); n < 2 {
		t.Errorf("not said: %s", w.log.String())
	}
	for _, name := range []string{"seen", "state.json", "board.json"} {
		if err := os.RemoveAll(w.tm.folder(name)); err != nil {
			t.Fatal(err)
		}
	}
	w.tm.save(time.Now())
	w.restart()
	w.add(talk, strings.Replace(strings.Replace(answer(1, 900, time.Now()), `"r1"`, `"r2"`, 1), `{"sess`, `{"isSidechain":true,"sess`, 1))
	if s := w.scan(); s.Bytes > 250 {
		t.Errorf("read again: %+v", s)
	}
	w.want(1, 10) // the replay of a call that was told before the disk was full
}

func TestACrashWithinTheFileOfCallsTold(t *testing.T) {
	w := newWorld(t)
	w.add(talk, answer(1, 10, time.Now()))
	w.scan()
	w.tm.save(time.Now())
	add := func(n int64) {
		t.Helper()
		info, err := os.Stat(w.tm.folder("seen"))
		if err == nil {
			err = os.Truncate(w.tm.folder("seen"), info.Size()+n)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add(7)
	w.restart()
	w.add(talk, answer(2, 5, time.Now()))
	w.scan()
	w.want(2, 15)
	w.tm.save(time.Now())
	if info, err := os.Stat(w.tm.folder("seen")); err != nil || info.Size() != 64 {
		t.Errorf("%+v, %v: want four pairs", info, err)
	}
	add(maxSeen)
	w.restart()
	w.scan()
	w.want(2, 15)
}

// TestRunEndsAndWritesDown follows the life of the capability.
func TestRunEndsAndWritesDown(t *testing.T) {
	w := newWorld(t)
	w.add(talk, answer(1, 10, time.Now()))
	c := w.tm.Capability()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if s, _ := w.tm.state(t.Context(), action.Nothing{}); s.Calls == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it never looked")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.restart()
	if s := w.scan(); s.Bytes != 0 {
		t.Errorf("read again: %+v", s)
	}
	w.want(1, 10)
}

// TestAForkOfOpenCodeCountsOnce: a fork repeats all messages under new names, and goes on.
func TestAForkOfOpenCodeCountsOnce(t *testing.T) {
	w := newWorld(t)
	const folder = ".local/share/opencode/storage/message/"
	said := func(id string, at time.Time, input int, completed string) string {
		return fmt.Sprintf(`{"id":"%s","role":"assistant","modelID":"m","providerID":"p","cost":0.5,"time":{"created":%d%s},"tokens":{"input":%d,"output":3,"reasoning":0,"cache":{"read":0,"write":0}}}`,
			id, at.UnixMilli(), completed, input)
	}
	now := time.Now().Add(-time.Minute)
	whole := fmt.Sprintf(`,"completed":%d`, now.UnixMilli()+900)
	w.add(folder+"a/m1.json", said("m1", now, 10, ""))
	w.add(folder+"a/m2.json", said("m2", now, 10, whole)) // begun in the same millisecond by two, and alike
	w.scan()
	w.want(2, 26)
	if err := os.Remove(filepath.Join(w.user, folder+"a/m1.json")); err != nil {
		t.Fatal(err)
	}
	w.add(folder+"a/m1.json", said("m1", now, 70, whole)) // it is complete, and grew
	w.scan()
	w.want(2, 86)
	w.add(folder+"fork/n1.json", said("n1", now, 70, whole))
	w.add(folder+"fork/n2.json", said("n2", now, 10, whole))
	w.add(folder+"fork/n3.json", said("n3", now.Add(time.Second), 1000, whole))
	w.scan()
	w.want(3, 1089)
	w.restart()
	if err := os.RemoveAll(w.tm.folder()); err != nil {
		t.Fatal(err)
	}
	w.scan()
	w.want(3, 1089)
}

// TestEveryChannelOfOpenCode has a database of its own, and rows that hold what they should not.
func TestEveryChannelOfOpenCode(t *testing.T) {
	w := newWorld(t)
	w.add(".local/share/opencode/storage/x", "")
	rows := func(name string, rows ...[]any) {
		t.Helper()
		db, err := sql.Open("sqlite", filepath.Join(w.user, ".local/share/opencode", name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS message (id, session_id, time_updated, data)"); err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if _, err := db.ExecContext(t.Context(), "INSERT INTO message VALUES (?, ?, ?, ?)", row...); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now().UnixMilli()
	rows("opencode.db", []any{"a", "s", now, message("a", 1)}, []any{nil, nil, nil, nil}, []any{[]byte{0, 1}, 7, "soon", 1.5}, []any{"z", "s", now, make([]byte, maxRow+1)})
	rows("opencode-beta.db", []any{"b", "s", int64(1) << 62, message("b", 10)}) // from a clock far ahead
	if s := w.scan(); len(s.Problems) != 0 {
		t.Errorf("%v", s.Problems)
	}
	w.want(2, 11)
	rows("opencode-beta.db", []any{"c", "s", now - 30_000, message("c", 100)}) // dated before it could be written
	rows("opencode-dev.db", []any{"d", "s", now, message("d", 1000)})
	w.scan()
	w.want(4, 1111)
}

// TestACallOfTheGatewayThatOpenCodeToldBeforeItsEnd is one call, whatever the agent calls its provider.
func TestACallOfTheGatewayThatOpenCodeToldBeforeItsEnd(t *testing.T) {
	w := newWorld(t)
	r, err := w.l.Reserve(t.Context(), ledger.Call{Provider: "p", Model: "m"}, 10, 10)
	if err != nil {
		t.Fatal(err)
	}
	result := ledger.Result{Provider: "p", Model: "m", Status: ledger.StatusOK}
	result.Usage.Input = 4000
	r.Settle(result)
	w.want(1, 4000)
	const path = ".local/share/opencode/storage/message/a/m1.json"
	text := message("m1", 4000)
	w.add(path, text)
	w.scan()
	w.want(1, 4000)
	if err := os.Remove(filepath.Join(w.user, path)); err != nil {
		t.Fatal(err)
	}
	w.add(path, strings.Replace(text, `"time":{`, `"time":{"completed":1893456000000,`, 1))
	w.scan()
	w.want(1, 4000)
}
