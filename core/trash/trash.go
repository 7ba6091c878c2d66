// SPDX-License-Identifier: Apache-2.0

// Package trash keeps what was destroyed until it is emptied: files as they were (modes, links,
// times) and rows as JSON, with a manifest, under var/trash, and brings them back.
//
// It is not a backup: it holds one thing once, on the same disk, for a while. A crash at any
// instant leaves what was kept either in its place or in the trash, whole; Recover settles what
// was under way. Nothing is ever restored over something else. Callers: every capability that
// destroys, and the trash actions.
package trash

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/home/disk"
	"holdfast/core/store"
)

// An Entry is what one destroying act puts in the trash.
type Entry struct {
	Action  string
	Subject string
	// Caller is who asked; empty means the caller of ctx.
	Caller string
	// Paths are files and folders, absolute or under the home. Those that are not there are left out.
	Paths []string
	Rows  []Rows
}

// Rows are rows of the house's store: all of Table for which Where holds. They are deleted when
// they are kept.
type Rows struct {
	Table string
	Where string // with ? for Args; empty means every row
	Args  []any
}

// Kept is one entry of the trash.
type Kept struct {
	ID      string     `json:"id"`
	Action  string     `json:"action" help:"the act that put it here"`
	Subject string     `json:"subject"`
	Caller  string     `json:"caller"`
	Time    time.Time  `json:"time"`
	Expires time.Time  `json:"expires" help:"emptied by itself after this time"`
	State   state      `json:"state" help:"kept, or what a crash or a conflict left unsettled"`
	Paths   []string   `json:"paths,omitempty" help:"where files were"`
	Tables  []KeptRows `json:"tables,omitempty"`
	Bytes   int64      `json:"bytes"`
}

// KeptRows counts the rows of one table.
type KeptRows struct {
	Table string `json:"table"`
	Rows  int    `json:"rows"`
}

// Config is the section trash.
type Config struct {
	// How long what was destroyed is kept before the trash lets it go for good. At least one day.
	Keep config.Duration `json:"keep"`
}

// Check refuses a time in which nobody would notice a mistake.
func (c *Config) Check() []holdfast.Problem {
	if c.Keep.Std() >= 24*time.Hour {
		return nil
	}
	return []holdfast.Problem{{Field: "keep", Message: "is shorter than one day", Remedy: "for example 30d"}}
}

// Needs is what the trash does not have of itself; every field may be nil.
type Needs struct {
	Journal interface {
		Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
	}
	Log *slog.Logger
}

// A Trash is the folder var/trash of one home.
type Trash struct {
	shelf
	rowKeeper
	now    func() time.Time
	config Config
	needs  Needs
	mu     sync.Mutex // one change at a time
}

// A shelf is the files' part of the trash: entries as folders with their manifests.
type shelf struct {
	home home.Home
	disk disk.Disk
}

// New is the trash of a home; rows are those of s. It does nothing yet.
func New(h home.Home, s *store.Store) *Trash {
	return &Trash{
		shelf: shelf{home: h}, rowKeeper: rowKeeper{store: s}, now: time.Now,
		config: Config{Keep: config.Duration(30 * 24 * time.Hour)},
		needs:  Needs{Log: slog.New(slog.DiscardHandler)},
	}
}

// Use hands over journal and log. Call it before the house runs.
func (t *Trash) Use(n Needs) {
	if n.Log == nil {
		n.Log = slog.New(slog.DiscardHandler)
	}
	t.needs = n
}

// Keep moves files and rows into the trash and returns the entry's id. When it fails, everything
// is where it was; a crash in between is settled by Recover.
func (t *Trash) Keep(ctx context.Context, e Entry) (id string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, err := t.plan(ctx, e)
	if err != nil {
		return "", err
	}
	if err := t.begin(m); err != nil {
		return "", errors.Join(err, t.drop(m))
	}
	if err := t.take(ctx, m, e.Rows); err != nil {
		return "", errors.Join(err, t.undoUnlessGone(ctx, m))
	}
	m.State = stateKept
	if err := t.write(m); err != nil {
		// Everything is in the trash for certain, so this is no failure; only the manifest still says keeping.
		t.needs.Log.Warn("what was moved to the trash is settled at the next start", slog.String("id", m.ID), slog.Any("reason", err))
	}
	return m.ID, nil
}

// plan says what will be kept, without touching it.
func (t *Trash) plan(ctx context.Context, e Entry) (*manifest, error) {
	now := t.now().UTC()
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("cannot name an entry of the trash: %w", err)
	}
	m := &manifest{
		ID:     now.Format("20060102-150405") + "-" + hex.EncodeToString(random),
		Action: e.Action, Subject: e.Subject, Caller: e.Caller, Time: now, State: stateKeeping,
	}
	if m.Caller == "" {
		m.Caller = holdfast.CallerFrom(ctx).String()
	}
	for _, path := range e.Paths {
		kept, err := t.planPath(path, len(m.Paths))
		if err != nil {
			return nil, err
		}
		if kept != nil {
			m.Paths = append(m.Paths, *kept)
		}
	}
	var err error
	if m.Tables, err = t.readRows(ctx, e.Rows); err != nil {
		return nil, err
	}
	if len(m.Paths) == 0 && m.rows() == 0 {
		return nil, holdfast.Errorf(holdfast.CodeNotFound, "there is nothing of %s %q to put in the trash", e.Action, e.Subject)
	}
	return m, nil
}

func (s shelf) planPath(path string, n int) (*keptPath, error) {
	if !filepath.IsAbs(path) {
		path = s.home.Path(path)
	}
	path = filepath.Clean(path)
	if within(path, s.home.Var("trash")) || within(s.home.Var("trash"), path) {
		return nil, fmt.Errorf("cannot put %s in the trash: the trash is in the way", path)
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, disk.Explain("look at", path, err)
	}
	kept := &keptPath{From: path, At: fmt.Sprintf("files/%d", n), Kind: kindOf(info), Bytes: size(path, info)}
	if relative, err := filepath.Rel(s.home.Dir(), path); err == nil && filepath.IsLocal(relative) {
		kept.From = relative // a home that moves keeps its trash
	}
	return kept, nil
}

// within tells whether a path is folder or lies in it.
func within(path, folder string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(relative)
}

func kindOf(info fs.FileInfo) string {
	switch {
	case info.IsDir():
		return "folder"
	case info.Mode().Type() == fs.ModeSymlink:
		return "link"
	}
	return "file"
}

func size(path string, info fs.FileInfo) int64 {
	if !info.IsDir() {
		return info.Size()
	}
	var sum int64
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be counted is moved all the same
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// begin makes the entry's folder and its manifest durable, before anything moves.
func (s shelf) begin(m *manifest) error {
	if err := s.disk.MkdirAll(s.folder(m.ID, "files"), 0o700); err != nil {
		return err
	}
	return s.write(m)
}

// take moves the files, then deletes the rows: rows last, for their transaction is the one step
// that cannot be undone.
func (t *Trash) take(ctx context.Context, m *manifest, rows []Rows) error {
	for _, p := range m.Paths {
		if err := t.disk.Rename(t.original(p), t.folder(m.ID, p.At)); err != nil {
			return explainMove(err)
		}
	}
	if m.rows() == 0 {
		return nil
	}
	return t.deleteRows(ctx, m, rows)
}

func explainMove(err error) error {
	if errors.Is(err, unix.EXDEV) {
		return fmt.Errorf("cannot keep what lies on another file system than the home: %w", err)
	}
	return err
}

// undoUnlessGone brings everything back unless the rows are out of their tables after all: a
// store that lost its connection in a commit tells an error and may have committed. Then, and when
// nobody can tell, the entry stays for Recover.
func (t *Trash) undoUnlessGone(ctx context.Context, m *manifest) error {
	if m.rows() > 0 {
		gone, err := t.marked(context.WithoutCancel(ctx), m.ID)
		if err != nil || gone {
			return errors.Join(err, fmt.Errorf("it stays in the trash as %s and is settled at the next start", m.ID))
		}
	}
	return t.undo(m)
}

// undo brings back what was moved, and forgets the entry.
func (s shelf) undo(m *manifest) error {
	for _, p := range slices.Backward(m.Paths) {
		if err := s.moveBack(m, p); err != nil {
			return err
		}
	}
	return s.drop(m)
}

// moveBack is idempotent: what is back already is left.
func (s shelf) moveBack(m *manifest, p keptPath) error {
	from := s.folder(m.ID, p.At)
	if !exists(from) {
		return nil
	}
	to := s.original(p)
	if err := s.disk.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := s.disk.Rename(from, to); err != nil {
		return fmt.Errorf("cannot put %s back from the trash: %w", to, err)
	}
	return nil
}

// drop removes an entry that holds nothing any more. It first takes another name, so that a crash
// half way leaves what is known to be waste.
func (s shelf) drop(m *manifest) error {
	folder := s.folder(m.ID)
	if !exists(folder) {
		return nil
	}
	waste := folder + wasteSuffix
	if err := s.disk.Rename(folder, waste); err != nil {
		return err
	}
	return s.disk.Remove(waste)
}

const wasteSuffix = ".gone"

func (s shelf) folder(elem ...string) string {
	return s.home.Var(append([]string{"trash"}, elem...)...)
}

func (s shelf) original(p keptPath) string {
	if filepath.IsAbs(p.From) {
		return p.From
	}
	return s.home.Path(p.From)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// List is what the trash holds, oldest first.
func (t *Trash) List(context.Context) ([]Kept, error) {
	all, err := t.manifests()
	if err != nil {
		return nil, err
	}
	out := []Kept{}
	for _, m := range all {
		out = append(out, t.kept(m))
	}
	return out, nil
}

func (t *Trash) kept(m *manifest) Kept {
	k := Kept{
		ID: m.ID, Action: m.Action, Subject: m.Subject, Caller: m.Caller,
		Time: m.Time, Expires: m.Time.Add(t.config.Keep.Std()), State: m.State,
	}
	for _, p := range m.Paths {
		k.Paths = append(k.Paths, p.From)
		k.Bytes += p.Bytes
	}
	for _, table := range m.Tables {
		k.Tables = append(k.Tables, KeptRows{Table: table.Table, Rows: len(table.Rows)})
	}
	return k
}

// Empty lets entries go for good, all of them when none is named.
func (t *Trash) Empty(ctx context.Context, ids ...string) (gone []string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all, err := t.manifests()
	if err != nil {
		return nil, err
	}
	if err := known(all, ids); err != nil {
		return nil, err
	}
	for _, m := range all {
		if len(ids) > 0 && !slices.Contains(ids, m.ID) {
			continue
		}
		if err := t.drop(m); err != nil {
			return gone, err
		}
		gone = append(gone, m.ID)
		if err := t.forget(ctx, m.ID); err != nil {
			return gone, err
		}
	}
	return gone, nil
}

func known(all []*manifest, ids []string) error {
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(m *manifest) bool { return m.ID == id }) {
			return noEntry(id)
		}
	}
	return nil
}

func noEntry(id string) error {
	return holdfast.Errorf(holdfast.CodeNotFound, "there is no %q in the trash: `holdfast trash list` shows what is", strings.TrimSpace(id))
}
