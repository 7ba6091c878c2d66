// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/journal"
	"holdfast/core/operation"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/core/trash"
)

// breaking is a trash that fails, or cuts the house off, at the call it is told.
type breaking struct {
	*trash.Trash
	keep    func() error // before
	kept    func() error // after
	restore func() error
}

func (b *breaking) Keep(ctx context.Context, e trash.Entry) (string, error) {
	if b.keep != nil {
		if err := b.keep(); err != nil {
			return "", err
		}
	}
	id, err := b.Trash.Keep(ctx, e)
	if err == nil && b.kept != nil {
		err = b.kept()
	}
	return id, err
}

func (b *breaking) Restore(ctx context.Context, id string) (trash.Kept, error) {
	if b.restore != nil {
		if err := b.restore(); err != nil {
			return trash.Kept{}, err
		}
	}
	return b.Trash.Restore(ctx, id)
}

// An estate is a bench with a real store, journal, trash and operations.
type estate struct {
	*bench
	store    *store.Store
	trash    *breaking
	runner   *operation.Runner
	registry *action.Registry
	// startFirst reads the extensions before operations are recovered; either order must do.
	startFirst bool
}

type nobodyCounts struct{}

func (nobodyCounts) Action(string, holdfast.Outcome, time.Duration) {}
func (nobodyCounts) Refusal(string)                                 {}

func operator() holdfast.Caller {
	return holdfast.Caller{Kind: holdfast.CallerOperator, Name: "ada", Tier: holdfast.TierOperator, Surface: "cli"}
}

func newHouse(t *testing.T) *estate {
	h := &estate{bench: newBench(t)}
	h.open()
	h.boot()
	return h
}

func (h *estate) open() {
	h.Helper()
	opt := store.Options{Path: h.home.Var("holdfast.db"), Migrations: tables()}
	h.store = store.New(opt.Path)
	if err := os.MkdirAll(h.home.Var(), 0o755); err != nil {
		h.Fatal(err)
	}
	storetest.Plant(h.T, opt)
	err := h.store.Open(h.Context(), opt)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = h.store.Close() })
}

// boot is what a start of the house does, over what the last one left.
func (h *estate) boot() {
	h.Helper()
	h.renew()
	j := journal.New(h.store, "here")
	h.trash = &breaking{Trash: trash.New(h.home, h.store)}
	h.runner = operation.NewRunner(h.store, j, slog.New(slog.DiscardHandler))
	h.needs.Trash, h.needs.Operations = h.trash, h.runner
	if err := h.runner.Register(removal{h.Extensions}.kind()); err != nil {
		h.Fatal(err)
	}
	registry, err := action.NewRegistry(action.Needs{
		Journal: j, Store: h.store, Meter: nobodyCounts{}, Log: slog.New(slog.DiscardHandler), Seal: func() ([]byte, error) { return []byte("seal"), nil },
	})
	if err != nil {
		h.Fatal(err)
	}
	if err := registry.Add(h.Capability().Actions...); err != nil {
		h.Fatal(err)
	}
	h.registry = registry
	if err := h.trash.Recover(h.Context()); err != nil {
		h.Fatal(err)
	}
	steps := []func(context.Context) error{h.runner.Recover, h.start}
	if h.startFirst {
		slices.Reverse(steps)
	}
	for _, step := range append(steps, h.runner.Wait) {
		if err := step(h.Context()); err != nil {
			h.Fatal(err)
		}
	}
}

// stock makes an extension with data, and others beside it.
func (h *estate) stock() {
	h.Helper()
	h.full("full")
	h.put("full/deep/er/file.txt", "text")
	h.full("other")
	h.master(`{"luna": {"timezone": "UTC"}, "extensions": {"full": {"enabled": true, "source": "local", "mine": [1], "config": {}}}}`)
	h.sync()
	data := h.home.Var("extensions", "full", "x.db")
	if err := os.MkdirAll(filepath.Dir(data), 0o700); err != nil {
		h.Fatal(err)
	}
	if err := os.WriteFile(data, []byte("data"), 0o600); err != nil {
		h.Fatal(err)
	}
}

// state is everything that a deletion may touch: files and the book.
func (h *estate) state() map[string]string {
	h.Helper()
	state := map[string]string{}
	for _, dir := range []string{"extensions", "var/extensions", "var/grants"} {
		err := filepath.WalkDir(h.home.Path(dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			text, err := os.ReadFile(path)
			name, _ := filepath.Rel(h.home.Dir(), path)
			state[name] = info.Mode().String() + " " + string(text)
			return err
		})
		if err != nil {
			h.Fatal(err)
		}
	}
	for _, section := range []string{"luna", "extensions", "tool_configs", "port_assignments"} {
		var v any
		if raw := h.value(section); raw != "" {
			if err := json.Unmarshal([]byte(raw), &v); err != nil {
				h.Fatal(err)
			}
		}
		state[section] = string(encode(v))
	}
	return state
}

func (h *estate) same(before map[string]string) {
	h.Helper()
	after := h.state()
	for name, value := range before {
		if after[name] != value {
			h.Errorf("%s was %q, is %q", name, value, after[name])
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			h.Errorf("%s is new", name)
		}
	}
}

func (h *estate) wholeAgain(before map[string]string) {
	h.Helper()
	h.same(before)
	if x := h.standing("full"); x.state != stateReady || len(h.units.of("full")) != 3 || len(h.Mounts()) != 4 {
		h.Errorf("full is %s with %d units; %d mounts", x.state, len(h.units.of("full")), len(h.Mounts()))
	}
	if entries, err := h.trash.List(h.Context()); err != nil || len(entries) > 0 {
		h.Errorf("the trash holds %v, %v", entries, err)
	}
}

// confirmed deletes full in the way of the waist: inventory first, then every category.
func (h *estate) confirmed(before map[string]string) deleted {
	h.Helper()
	raw := json.RawMessage(`{"name": "full"}`)
	_, err := h.registry.Dispatch(h.Context(), operator(), "extension.delete", raw, nil)
	asked, ok := errors.AsType[*holdfast.Unconfirmed](err)
	if !ok {
		h.Fatalf("the first call answered %v", err)
	}
	want := map[string][]string{
		"program":  {"extensions/full/config.json", "extensions/full/deep/er/file.txt"},
		"data":     {"var/extensions/full/x.db"},
		"settings": {"extensions.full", "tool_configs.full_GET", "var/grants/full.json"},
		"ports":    {"extensions/full 5200", "services/full.backend 5300", "services/full.worker null"},
	}
	var names []string
	for _, c := range asked.Inventory.Categories {
		names = append(names, c.Name)
		for _, id := range want[c.Name] {
			if !slices.ContainsFunc(c.Items, func(i holdfast.Item) bool { return i.ID == id }) {
				h.Errorf("%s does not list %s: %v", c.Name, id, c.Items)
			}
		}
		if c.Returns != holdfast.ReturnsFromTrash {
			h.Errorf("%s returns %s", c.Name, c.Returns)
		}
	}
	h.same(before)
	confirm := &holdfast.Confirmation{Token: asked.Inventory.Token, Categories: names[1:]}
	if _, err := h.registry.Dispatch(h.Context(), operator(), "extension.delete", raw, confirm); err == nil {
		h.Fatal("three of four confirmations were enough")
	}
	h.same(before)
	confirm.Categories = names
	out, err := h.registry.Dispatch(h.Context(), operator(), "extension.delete", raw, confirm)
	if err != nil {
		h.Fatal(err)
	}
	return out.(deleted)
}

func TestDeleteTakesAllAndRestoreBringsAllBack(t *testing.T) {
	h := newHouse(t)
	h.stock()
	before := h.state()
	out := h.confirmed(before)
	h.gone()
	h.full("third")
	h.sync()
	if port := h.units.of("third")["third.ui"].Port; port != 5202 {
		t.Errorf("the third has %d: a port of the deleted one was given again", port)
	}
	if err := os.RemoveAll(h.home.Path("extensions", "third")); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.run(ctx) }()
	changed := h.Changed()
	if _, err := h.trash.Restore(t.Context(), out.Trash); err != nil {
		t.Fatal(err)
	}
	await(t, changed)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := h.value("extensions", "full"); !sameObject(got, `{"enabled": true, "source": "local", "mine": [1], "config": {}}`) {
		t.Errorf("its entry is %s", got)
	}
	if h.value("port_assignments", "extensions", "full") != "5200" || h.value("port_assignments", "services", "full.backend") != "5300" ||
		h.value("port_assignments", "services", "full.worker") != "null" || h.value("port_assignments", "retired") != "" {
		t.Errorf("ports %s", h.value("port_assignments"))
	}
	if h.value("tool_configs", "full_GET") == "" || len(h.units.of("full")) != 3 || h.units.of("full")["full.ui"].Port != 5200 {
		t.Error("it is not whole")
	}
	after := h.state()
	for name, value := range before {
		if strings.Contains(name, "full/") && after[name] != value {
			t.Errorf("%s was %q, is %q", name, value, after[name])
		}
	}
	if left, _ := os.ReadDir(keptDir(h.home)); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// gone checks that nothing of full is left, and that nobody else is touched.
func (h *estate) gone() {
	h.Helper()
	for _, path := range []string{h.home.Path("extensions", "full"), h.home.Var("extensions", "full")} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			h.Errorf("%s: %v", path, err)
		}
	}
	if h.value("extensions", "full")+h.value("tool_configs", "full_GET")+h.value("port_assignments", "extensions", "full") != "" {
		h.Error("the book still knows it")
	}
	if h.value("port_assignments", "retired", "extensions/full") != "5200" {
		h.Errorf("retired %s", h.value("port_assignments", "retired"))
	}
	if _, ok := find(h.snapshot(), "full"); ok || len(h.units.of("full")) > 0 {
		h.Error("it still runs")
	}
	if x := h.standing("other"); x.state != stateReady || len(h.units.of("other")) != 3 || h.value("tool_configs", "other_GET") == "" {
		h.Error("the other one is touched")
	}
}

func TestDeleteFailingAtEachStepIsUndone(t *testing.T) {
	full := errors.New("the disk is full")
	for name, breakIt := range map[string]func(*estate){
		"stop": func(h *estate) {
			h.units.fail = func(owner string, units []holdfast.Unit) error {
				if owner == "extension full" && len(units) == 0 {
					return full
				}
				return nil
			}
		},
		"keep, before it moved": func(h *estate) { h.trash.keep = func() error { return full } },
		"keep, after it moved":  func(h *estate) { h.trash.kept = func() error { return full } },
		"forget": func(h *estate) {
			h.trash.kept = func() error {
				if err := os.Rename(h.home.MasterFile(), h.home.MasterFile()+".good"); err != nil {
					return err
				}
				return os.WriteFile(h.home.MasterFile(), []byte("{"), 0o600)
			}
			h.trash.restore = func() error { return os.Rename(h.home.MasterFile()+".good", h.home.MasterFile()) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.stock()
			before := h.state()
			breakIt(h)
			_, err := (removal{h.Extensions}).delete(holdfast.WithCaller(t.Context(), operator()), "full")
			step, _, _ := strings.Cut(name, ",")
			if err == nil || !strings.Contains(err.Error(), step) {
				t.Errorf("got %v, want an error that names %s", err, step)
			}
			h.wholeAgain(before)
			if len(h.leaving) > 0 {
				t.Error("it is still leaving")
			}
		})
	}
}

// TestMain lets the test binary be a house that is killed at a point of a deletion, or the page of
// an extension.
func TestMain(m *testing.M) {
	if port := os.Getenv("HOLDFAST_TEST_PAGE"); port != "" {
		servePage(port)
	}
	if point := os.Getenv("HOLDFAST_TEST_KILL"); point != "" {
		deleteAndDie(point, os.Getenv("HOLDFAST_TEST_HOME"))
		os.Exit(3) // the point was not reached
	}
	os.Exit(m.Run())
}

func servePage(port string) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the page") })
	server := http.Server{Addr: "127.0.0.1:" + port, Handler: page, ReadHeaderTimeout: time.Minute}
	panic(server.ListenAndServe())
}

func tables() []store.Migration {
	return []store.Migration{
		{Package: "journal", FS: journal.Migrations()},
		{Package: "operation", FS: operation.Migrations()},
		{Package: "trash", FS: trash.Migrations()},
		{Package: "action", FS: action.Migrations()},
	}
}

func die() error {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// deleteAndDie deletes full in a home that is stocked, up to a point.
func deleteAndDie(point, dir string) {
	h, ctx := home.At(dir), context.Background()
	s := store.New(h.Var("holdfast.db"))
	if err := s.Open(ctx, store.Options{Path: h.Var("holdfast.db"), Migrations: tables()}); err != nil {
		panic(err)
	}
	units := newTold()
	bin := &breaking{Trash: trash.New(h, s)}
	runner := operation.NewRunner(s, journal.New(s, "here"), nil)
	e := New(Needs{
		Home: h, Master: config.NewMaster(h), Units: units, Keys: &ring{values: map[string]string{}, changed: make(chan struct{})},
		Trash: bin, Operations: runner, Log: slog.New(slog.DiscardHandler),
	})
	if err := errors.Join(runner.Register(removal{e}.kind()), e.start(ctx)); err != nil {
		panic(err)
	}
	switch point {
	case "stop":
		units.fail = func(string, []holdfast.Unit) error { return die() }
	case "keep":
		bin.keep = die
	case "kept":
		bin.kept = die
	case "forgotten":
		// The first declaration after the stop is that of the sync at the end of forget.
		units.fail = func(_ string, units []holdfast.Unit) error {
			if len(units) > 0 {
				return die()
			}
			return nil
		}
	}
	_, err := (removal{e}).delete(holdfast.WithCaller(ctx, operator()), "full")
	fmt.Fprintln(os.Stderr, err)
}

func TestDeleteKilledAtEachStep(t *testing.T) {
	for name, test := range map[string]struct {
		point string
		after func(*estate)
		gone  bool
	}{
		"in stop":                {"stop", nil, false},
		"in keep, nothing moved": {"keep", nil, false},
		"in keep, half moved":    {"kept", halfMove, false},
		"in keep, all moved":     {"kept", nil, false},
		"in forget":              {"forgotten", nil, true},
	} {
		for _, startFirst := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, start first %v", name, startFirst), func(t *testing.T) {
				h := newHouse(t)
				h.startFirst = startFirst
				h.stock()
				before := h.state()
				if err := h.store.Close(); err != nil {
					t.Fatal(err)
				}
				child := exec.CommandContext(t.Context(), os.Args[0])
				child.Env = append(os.Environ(), "HOLDFAST_TEST_KILL="+test.point, "HOLDFAST_TEST_HOME="+h.home.Dir())
				said, err := child.CombinedOutput()
				if ended, ok := errors.AsType[*exec.ExitError](err); !ok || ended.ExitCode() != -1 {
					t.Fatalf("the house was not killed: %v\n%s", err, said)
				}
				if test.after != nil {
					test.after(h)
				}
				h.units = newTold()
				h.open()
				h.boot()
				if test.gone {
					h.gone()
					return
				}
				h.wholeAgain(before)
			})
		}
	}
}

// halfMove takes a finished move back to its middle: note and grant are in the trash, the
// folder is not.
func halfMove(h *estate) {
	h.Helper()
	manifests, err := filepath.Glob(h.home.Var("trash", "*", "manifest.json"))
	if err != nil || len(manifests) != 1 {
		h.Fatalf("%v, %v", manifests, err)
	}
	text, err := os.ReadFile(manifests[0])
	if err != nil {
		h.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), `"kept"`, `"keeping"`, 1))
	if err := os.WriteFile(manifests[0], text, 0o600); err != nil {
		h.Fatal(err)
	}
	if err := os.Rename(filepath.Join(filepath.Dir(manifests[0]), "files", "2"), h.home.Path("extensions", "full")); err != nil {
		h.Fatal(err)
	}
}
