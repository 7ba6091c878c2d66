// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package faults

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast"
	"holdfast/core/journal"
	"holdfast/core/operation"
	"holdfast/core/store"
)

// A history is what the victim said until it died: which acts it began, and what it acknowledged.
type history struct {
	begun   map[string]bool
	acked   map[string]bool
	entries map[int64]string // hashes by sequence
	// stuck says that a fault came where an undo may have met it: an operation may be stuck then, which
	// its journal must say.
	stuck bool
	// denied is the act that ended with the words that nothing was committed.
	denied string
}

func historyOf(calls []call) history {
	h := history{begun: map[string]bool{}, acked: map[string]bool{}, entries: map[int64]string{}}
	for _, c := range calls {
		var sequence int64
		var hash string
		if _, err := fmt.Sscanf(c.said, "ack entry %d %s", &sequence, &hash); err == nil {
			h.entries[sequence] = hash
			continue
		}
		if what, acks := strings.CutPrefix(c.said, "ack "); acks {
			h.acked[what] = true
		}
		if what, begins := strings.CutPrefix(c.said, "begin "); begins {
			h.begun[what] = true
		}
	}
	return h
}

// reached are the stages in which a thing may stand that a row of acts changes one after the
// other: after the last one acknowledged, or after the one that was under way.
func (h history) reached(steps ...string) (stages []int) {
	done := 0
	for i, step := range steps {
		if h.acked[step] {
			done = i + 1
		}
	}
	stages = []int{done}
	if done < len(steps) && h.begun[steps[done]] {
		stages = append(stages, done+1)
	}
	return stages
}

// A finding is the work of checking one home after a fault.
type finding struct {
	h        *house
	past     history
	problems []string
}

func (f *finding) complain(format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf(format, args...))
}

// check opens a home again and tells every promise that it broke. It leaves the home closed.
func check(ctx context.Context, p plan, past history) []string {
	p.wrong, p.schema = "", 1
	if past.begun["migrate/open"] {
		p.schema = 2
	}
	first, problems := examine(ctx, p, past, (*finding).promises)
	if len(problems) > 0 {
		return problems
	}
	second, problems := examine(ctx, p, past, (*finding).promises)
	if first != second {
		problems = append(problems, "a second start changed something:\n"+difference(first, second))
	}
	if len(problems) > 0 {
		return problems
	}
	_, problems = examine(ctx, p, past, (*finding).goesOn)
	return problems
}

// examine starts the house, looks, stops it, and returns a picture of all it holds.
func examine(ctx context.Context, p plan, past history, look func(*finding, context.Context)) (picture string, problems []string) {
	var errors strings.Builder
	log := slog.New(slog.NewTextHandler(&errors, &slog.HandlerOptions{Level: slog.LevelError}))
	h, err := assemble(p, log, func(...any) {})
	if err != nil {
		return "", []string{err.Error()}
	}
	if err := h.open(ctx); err != nil {
		return "", []string{fmt.Sprintf("the house does not start: %v", err)}
	}
	f := &finding{h: h, past: past}
	look(f, ctx)
	rows, err := h.rows(ctx)
	if err != nil {
		f.complain("cannot read the rows: %v", err)
	}
	if err := h.close(); err != nil {
		f.complain("cannot close: %v", err)
	}
	files, err := filesOf(p.dir)
	if err != nil {
		f.complain("cannot list the files: %v", err)
	}
	if errors.Len() > 0 {
		f.complain("the house logged %s", errors.String())
	}
	return rows + files, f.problems
}

func (f *finding) promises(ctx context.Context) {
	f.chain(ctx)
	f.tables(ctx)
	f.masterStands()
	f.keysStand()
	f.moved(ctx)
	f.waste(ctx)
	f.operations(ctx)
	f.leavings()
}

// chain checks that the journal verifies and holds every entry that was acknowledged.
func (f *finding) chain(ctx context.Context) {
	v, err := f.h.journal.Verify(ctx)
	if err != nil || v.Broken != nil {
		f.complain("the journal does not verify: %v %v", v.Broken, err)
	}
	f.archived(ctx, v.Archived)
	for sequence, hash := range f.past.entries {
		var found string
		err := f.h.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
			return tx.QueryRow(ctx, "SELECT hash FROM journal WHERE sequence = ?", sequence).Scan(&found)
		})
		if err != nil || found != hash {
			f.complain("journal entry %d was acknowledged as %.8s and is %.8q (%v)", sequence, hash, found, err)
		}
	}
}

// tables checks that each group of rows is there whole, or not at all when it may be so.
func (f *finding) tables(ctx context.Context) {
	there, err := f.h.things(ctx)
	if err != nil {
		f.complain("cannot read things: %v", err)
		return
	}
	for step, all := range groups() {
		for _, ids := range all {
			n := 0
			for _, id := range ids {
				if text, ok := there[id]; ok {
					n++
					if text != body(id) {
						f.complain("row %d is damaged", id)
					}
				}
				delete(there, id)
			}
			acked := f.past.acked[fmt.Sprint("rows ", ids[0])]
			if n > 0 && !acked && f.past.denied == step {
				f.complain("of rows %v it was said that nothing was committed, and there are %d", ids, n)
			}
			if n != len(ids) && n != 0 || acked && n == 0 || n > 0 && !f.past.begun[step] {
				f.complain("of rows %v there are %d (acknowledged: %t)", ids, n, acked)
			}
		}
	}
	delete(there, 100) // the operations' own
	delete(there, 101)
	if len(there) > 0 {
		f.complain("there are rows that nobody wrote: %v", slices.Sorted(maps.Keys(there)))
	}
}

func (h *house) things(ctx context.Context) (map[int]string, error) {
	out := map[int]string{}
	err := h.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT id, body FROM things")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id int
			var text string
			if err := rows.Scan(&id, &text); err != nil {
				return err
			}
			out[id] = text
		}
		return rows.Err()
	})
	return out, err
}

// masterStands checks that master_config.json is the old or the new, with all that is not ours.
func (f *finding) masterStands() {
	view, err := f.h.master.View()
	if err != nil {
		f.complain("master_config.json does not parse: %v", err)
		return
	}
	names := []string{"zero.example", "first.example", "second.example"}
	may := []string{}
	for _, stage := range f.past.reached("master/first", "master/second") {
		may = append(may, names[stage])
	}
	if !slices.Contains(may, view.PublicDomain) {
		f.complain("master_config.json says %q and may say %q", view.PublicDomain, may)
	}
	if d, err := f.h.master.Read(); err != nil || !strings.Contains(string(d.Bytes()), `"not_ours"`) {
		f.complain("master_config.json lost what is not ours (%v)", err)
	}
}

// keysStand checks that .env is the old or the new, private, with the operator's words.
func (f *finding) keysStand() {
	stages := []map[string]string{
		{"ALPHA": "one", "BETA": "two words"},
		{"ALPHA": "one", "BETA": "two words", "GAMMA": "three"},
		{"ALPHA": "another\nvalue", "BETA": "two words", "GAMMA": "three"},
		{"ALPHA": "another\nvalue", "GAMMA": "three"},
	}
	is := map[string]string{}
	for _, name := range f.h.keys.Names() {
		value, _ := f.h.keys.Get(name)
		is[name] = value.Reveal()
	}
	found := false
	for _, stage := range f.past.reached("keys/set", "keys/replace", "keys/delete") {
		found = found || maps.Equal(is, stages[stage])
	}
	if problems := f.h.keys.Problems(); !found || len(problems) > 0 {
		f.complain(".env holds %q, %v", is, problems)
	}
	text, err := os.ReadFile(f.h.home.EnvFile())
	info, statErr := os.Stat(f.h.home.EnvFile())
	if err = errors.Join(err, statErr); err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(string(text), "# the operator's own words") {
		f.complain(".env lost its words or its mode: %v", err)
	}
}

// moved checks the folder and rows that go to the trash, come back and go again: whole, together,
// in one place.
func (f *finding) moved(ctx context.Context) {
	if !f.past.acked["start/open"] {
		return
	}
	where := f.place(ctx, "moved")
	allowed := []string{}
	for _, stage := range f.past.reached("trash/keep", "trash/restore", "trash/keep-again") {
		allowed = append(allowed, []string{"in place", "in the trash"}[stage%2])
	}
	if !slices.Contains(allowed, where) {
		f.complain("what was moved is %s and may be %v", where, allowed)
	}
	var n int
	err := f.h.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		return tx.QueryRow(ctx, "SELECT COUNT(*) FROM owned WHERE owner = ?", "moved").Scan(&n)
	})
	if want := map[string]int{"in place": 2}[where]; err != nil || n != want {
		f.complain("what was moved is %s and has %d rows in their table (%v)", where, n, err)
	}
}

func (f *finding) waste(ctx context.Context) {
	where := f.place(ctx, "waste")
	allowed := []string{}
	for _, stage := range f.past.reached("trash/waste", "trash/empty") {
		allowed = append(allowed, []string{"in place", "in the trash", "gone"}[stage])
	}
	if !slices.Contains(allowed, where) {
		f.complain("waste is %s and may be %v", where, allowed)
	}
}

// place tells where a planted folder is.
func (f *finding) place(ctx context.Context, name string) string {
	all, err := f.h.trash.List(ctx)
	if err != nil {
		return err.Error()
	}
	places := []string{}
	if _, err := os.Lstat(f.h.home.Path("extensions", name)); err == nil {
		places = append(places, "in place"+wholeness(f.h.home.Path("extensions", name), name))
	}
	for _, kept := range all {
		if kept.Subject != name {
			continue
		}
		places = append(places, "in the trash"+wholeness(f.h.home.Var("trash", kept.ID, "files", "0"), name))
		if kept.State != "kept" {
			places = append(places, string(kept.State))
		}
	}
	if len(places) == 0 {
		return "gone"
	}
	return strings.Join(places, " and ")
}

// wholeness tells what a planted folder lacks, nothing when it is whole.
func wholeness(folder, name string) string {
	config, err := os.ReadFile(filepath.Join(folder, "config.json"))
	program, err2 := os.ReadFile(filepath.Join(folder, "backend", "main.py"))
	_, err3 := os.Readlink(filepath.Join(folder, "main"))
	if name != "moved" {
		err3 = nil
	}
	if err := errors.Join(err, err2, err3); err != nil {
		return " but not whole: " + err.Error()
	}
	if string(config) != `{"name": "`+name+`"}` || string(program) != strings.Repeat("print('"+name+"')\n", 100) {
		return " but damaged"
	}
	return ""
}

// operations checks that each is done with all it does, or undone with nothing of it, and that
// its journal says so.
func (f *finding) operations(ctx context.Context) {
	list, err := f.h.runner.List(ctx, operation.Query{})
	if err != nil {
		f.complain("cannot list the operations: %v", err)
		return
	}
	states := map[string]holdfast.OperationState{}
	for _, op := range list { // the newest first
		if _, newer := states[op.Subject]; !newer {
			states[op.Subject] = op.State
		}
		if !op.State.Ended() || op.State == holdfast.OperationStuck && !f.past.stuck {
			f.complain("operation %s is %s: %s", op.Subject, op.State, op.Error)
		}
		f.journaled(ctx, op)
	}
	want := map[string]holdfast.OperationState{"done": holdfast.OperationDone, "failed": holdfast.OperationFailed}
	for name, state := range want {
		if f.past.acked["operation-"+name] && states[name] != state {
			f.complain("operation %s was acknowledged as %s and is %q", name, state, states[name])
		}
		if !f.past.begun["operation-"+name+"/begin"] && states[name] != "" {
			f.complain("operation %s was never begun and is %s", name, states[name])
		}
		if states[name] == holdfast.OperationStuck {
			continue
		}
		f.effects(ctx, name, map[string]int{"done": 100, "failed": 101}[name], states[name] == holdfast.OperationDone)
	}
	if states["failed"] == holdfast.OperationDone {
		f.complain("the operation that must fail is done")
	}
}

func (f *finding) effects(ctx context.Context, name string, id int, done bool) {
	text, err := os.ReadFile(f.h.outcomeFile(name))
	there, thingsErr := f.h.things(ctx)
	view, viewErr := f.h.master.View()
	_, entered := view.Extensions[name]
	_, inserted := there[id]
	got := fmt.Sprintf("file %t, folder %s, master %t, row %t, %v", err == nil && string(text) == body(id),
		f.place(ctx, name), entered, inserted, errors.Join(thingsErr, viewErr))
	want := "file false, folder in place, master false, row false, <nil>"
	if done {
		want = "file true, folder in the trash, master true, row true, <nil>"
	}
	if got != want || err != nil && !errors.Is(err, os.ErrNotExist) {
		f.complain("operation %s (done: %t) left: %s (%v)", name, done, got, err)
	}
}

// journaled checks that the journal's last word about an operation is its state.
func (f *finding) journaled(ctx context.Context, op holdfast.Operation) {
	entries, err := f.h.journal.Show(ctx, journal.Query{Action: "operation." + kindSwap, Limit: 1000})
	if err != nil {
		f.complain("cannot read the journal: %v", err)
		return
	}
	last, at := "", int64(0)
	for _, e := range entries {
		var detail struct{ Operation, Event, Step string }
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			f.complain("entry %d: %v", e.Sequence, err)
		}
		if detail.Operation == op.ID && e.Sequence > at {
			last, at = detail.Event, e.Sequence
		}
	}
	if last != string(op.State) {
		f.complain("operation %s is %s and the journal's last word is %q", op.Subject, op.State, last)
	}
}

// leavings checks that a start clears what a crash left.
func (f *finding) leavings() {
	err := filepath.WalkDir(f.h.home.Dir(), func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		waste := strings.HasSuffix(name, ".gone") && strings.Contains(path, "trash")
		if strings.HasSuffix(name, ".holdfast-tmp") || strings.Contains(name, ".before-migration") || waste {
			f.complain("left after a start: %s", path)
		}
		return nil
	})
	if err != nil {
		f.complain("cannot walk the home: %v", err)
	}
}

// goesOn checks that a home can be worked with after a fault: it appends, and what is in the
// trash comes back.
func (f *finding) goesOn(ctx context.Context) {
	if err := f.h.appendOne(ctx); err != nil {
		f.complain("the journal does not go on: %v", err)
	}
	if err := f.h.keys.Set(ctx, "LATER", holdfast.NewSecret("x")); err != nil {
		f.complain("the keys do not go on: %v", err)
	}
	all, err := f.h.trash.List(ctx)
	if err != nil {
		f.complain("cannot list the trash: %v", err)
	}
	for _, kept := range all {
		if _, err := f.h.trash.Restore(ctx, kept.ID); err != nil {
			f.complain("cannot restore %s: %v", kept.Subject, err)
		} else if where := f.place(ctx, kept.Subject); where != "in place" {
			f.complain("%s was restored and is %s", kept.Subject, where)
		}
	}
	if v, err := f.h.journal.Verify(ctx); err != nil || v.Broken != nil {
		f.complain("the journal does not verify afterwards: %v %v", v.Broken, err)
	}
}

// rows is a picture of all tables.
func (h *house) rows(ctx context.Context) (string, error) {
	var out strings.Builder
	err := h.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		for _, table := range []string{"journal", "journal_heads", "journal_archives", "operations", "operation_steps", "trash_rows", "things", "owned"} {
			if err := picture(ctx, tx, table, &out); err != nil {
				return err
			}
		}
		return nil
	})
	return out.String(), err
}

func picture(ctx context.Context, tx store.Tx, table string, out *strings.Builder) error {
	rows, err := tx.Query(ctx, "SELECT * FROM "+table+" ORDER BY 1, 2")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s", table)
		for _, v := range values {
			fmt.Fprintf(out, " %.80q", v.String)
		}
		out.WriteByte('\n')
	}
	return rows.Err()
}
