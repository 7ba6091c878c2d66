// SPDX-License-Identifier: Apache-2.0

// Package keys keeps the secrets of the house in the home's .env: read by a dotenv parser,
// rewritten whole with comments and order kept, mode 0600, in memory as it is on disk.
//
// It is not for configuration, nor for handing secrets to units: the supervisor asks for the
// names that a unit declares. A value leaves only as a holdfast.Secret and is masked wherever it
// is shown; what a change replaces is kept 30 days and comes back with Restore. Callers: app, the
// supervisor, the gateway, and the keys actions.
package keys

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk"
)

const (
	envName = ".env"
	largest = 1 << 20
)

// A Requirement is a key that something in the house asks for.
type Requirement struct {
	Key    string `json:"key"`
	Source string `json:"source" help:"who asks: extension NAME, unit NAME, model provider NAME"`
}

// Needs is what keys cannot know by themselves; every field may be nil.
type Needs struct {
	// Required lists who asks for which key.
	Required interface{ Required() []Requirement }
	// Units names the running units that received a key at their start and must be restarted to
	// see a change.
	Units interface{ UnitsUsing(key string) []string }
	Log   *slog.Logger
}

// Keys is the .env of one home.
type Keys struct {
	home  home.Home
	disk  disk.Disk
	now   func() time.Time
	needs Needs

	writing sync.Mutex // one change at a time; never held while reading memory
	mu      sync.RWMutex
	changed chan struct{} // closed and replaced when a value becomes another
	loaded  bool
	values  map[string]string
	order   []string
	said    []holdfast.Problem
}

// New is the .env of a home; it reads nothing yet.
func New(h home.Home) *Keys {
	return &Keys{home: h, now: time.Now, changed: make(chan struct{}), needs: Needs{Log: slog.New(slog.DiscardHandler)}}
}

// Use hands over what app wires later than it makes the keys. Call it before the house runs.
func (k *Keys) Use(n Needs) {
	if n.Log == nil {
		n.Log = slog.New(slog.DiscardHandler)
	}
	k.needs = n
}

// Load reads the file again. Lines that say nothing are told by Problems; the others count. A
// file that others may read is made private, and that is told too.
func (k *Keys) Load() error {
	k.writing.Lock()
	defer k.writing.Unlock()
	d, err := k.read()
	if err != nil {
		return err
	}
	k.take(d)
	return nil
}

func (k *Keys) read() (*dotenv, error) {
	path := k.home.EnvFile()
	f, err := open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return parseDotenv(envName, nil), nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err != nil {
		return nil, disk.Explain("read", path, err)
	}
	if len(text) > largest {
		return nil, fmt.Errorf("cannot read %s: it is larger than 1 MiB", path)
	}
	d := parseDotenv(envName, text)
	if note := k.makePrivate(f); note != nil {
		d.notes = append(d.notes, *note)
	}
	return d, nil
}

// open opens the file of keys, and nothing else that stands in its place: not what a link points to,
// whose mode is not ours to change, and not a pipe, which would keep the house waiting.
func open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, holdfast.BadInput(path + " is a link: put the keys themselves there, in a file of mode 0600")
	}
	if err != nil {
		return nil, disk.Explain("read", path, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = holdfast.BadInput(path + " is not an ordinary file: put the keys in one, of mode 0600")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// makePrivate takes the file away from group and others.
func (k *Keys) makePrivate(f *os.File) *holdfast.Problem {
	info, err := f.Stat()
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	was := info.Mode().Perm()
	if err := f.Chmod(0o600); err != nil {
		return &holdfast.Problem{
			File: envName, Message: fmt.Sprintf("others may read it (mode %04o) and it cannot be made private: %v", was, errors.Unwrap(err)),
			Remedy: "chmod 600 " + envName + ", and change the keys in it if others use this machine",
		}
	}
	k.needs.Log.Warn("others could read the file with the keys; it is private now",
		slog.String("file", k.home.EnvFile()), slog.String("mode_was", fmt.Sprintf("%04o", was)))
	return &holdfast.Problem{
		File: envName, Message: fmt.Sprintf("had mode %04o and is made private (0600)", was),
		Remedy: "change the keys in it if others use this machine",
	}
}

func (k *Keys) take(d *dotenv) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !maps.Equal(k.values, d.values) {
		close(k.changed)
		k.changed = make(chan struct{})
	}
	k.loaded, k.values, k.order = true, d.values, d.names()
	k.said = slices.Concat(d.problems, d.notes)
}

// Changed is closed at the next change of any key, by this house or found by Load in the file. Ask
// for it before asking for keys, so that no change falls between.
func (k *Keys) Changed() <-chan struct{} {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.changed
}

// ready reads the file before the first question.
func (k *Keys) ready() {
	k.mu.RLock()
	loaded := k.loaded
	k.mu.RUnlock()
	if loaded {
		return
	}
	if err := k.Load(); err != nil {
		k.needs.Log.Error("cannot read the keys", slog.Any("error", err))
	}
}

// Get is the value of a key.
func (k *Keys) Get(name string) (holdfast.Secret, bool) {
	k.ready()
	k.mu.RLock()
	defer k.mu.RUnlock()
	value, ok := k.values[name]
	return holdfast.NewSecret(value), ok
}

// Names lists the keys in the order of the file.
func (k *Keys) Names() []string {
	k.ready()
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Clone(k.order)
}

// Problems tells what is wrong with the file as it was last read: lines that say nothing, keys
// that are set twice, a mode that was too wide. No value is in it.
func (k *Keys) Problems() []holdfast.Problem {
	k.ready()
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Clone(k.said)
}

// Set stores a value, durable when it returns, and in memory at once.
func (k *Keys) Set(ctx context.Context, name string, value holdfast.Secret) error {
	_, err := k.change(ctx, "keys.set", func(d *dotenv) error { return assign(d, name, value.Reveal()) })
	return err
}

func assign(d *dotenv, name, value string) error {
	if !ValidName(name) {
		return holdfast.BadInput("", holdfast.Problem{
			Field: "key", Message: fmt.Sprintf("%q cannot be the name of a key", name),
			Remedy: "letters, digits and _, no digit first, as in OPENAI_API_KEY",
		})
	}
	if strings.ContainsRune(value, 0) {
		return holdfast.BadInput("", holdfast.Problem{Field: "value", Message: "holds a NUL byte, which no environment can carry"})
	}
	return d.set(name, value)
}

// Delete takes a key away; its value is kept for Restore. A key that is not there is an error.
func (k *Keys) Delete(ctx context.Context, name string) error {
	_, err := k.change(ctx, "keys.delete", func(d *dotenv) error {
		if _, ok := d.values[name]; !ok {
			return holdfast.Errorf(holdfast.CodeNotFound, "there is no key %q in .env", name)
		}
		d.remove(name)
		return nil
	})
	return err
}

// Merge sets every key of an uploaded .env. When a line of it cannot be read nothing is changed.
func (k *Keys) Merge(ctx context.Context, text holdfast.Secret) (changed []string, err error) {
	if len(text.Reveal()) > largest {
		return nil, holdfast.BadInput("", holdfast.Problem{Field: "file", Message: "is larger than 1 MiB"})
	}
	upload := parseDotenv("the upload", []byte(text.Reveal()))
	if len(upload.problems) > 0 {
		return nil, holdfast.BadInput("cannot read the upload", upload.problems...)
	}
	if len(upload.values) == 0 {
		return nil, holdfast.BadInput("", holdfast.Problem{Field: "file", Message: "holds no keys", Remedy: "lines of the form NAME=value"})
	}
	return k.change(ctx, "keys.upload", func(d *dotenv) error {
		for _, name := range upload.names() {
			if err := assign(d, name, upload.values[name]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Generate makes a random value for a key that is not there yet: prefix and 43 letters (256 bits).
// A key that is there keeps its value.
func (k *Keys) Generate(ctx context.Context, name, prefix string) (value holdfast.Secret, made bool, err error) {
	if value, ok := k.Get(name); ok && !value.Empty() {
		return value, false, nil
	}
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return holdfast.Secret{}, false, fmt.Errorf("cannot make the key %s: %w", name, err)
	}
	value = holdfast.NewSecret(prefix + base64.RawURLEncoding.EncodeToString(random))
	_, err = k.change(ctx, "keys.generate", func(d *dotenv) error {
		if present := d.values[name]; present != "" {
			value = holdfast.NewSecret(present)
			return nil
		}
		made = true
		return assign(d, name, value.Reveal())
	})
	if err != nil {
		return holdfast.Secret{}, false, err
	}
	return value, made, nil
}

// change reads the file as it is now, so that what an editor wrote meanwhile is kept, edits it,
// keeps what is replaced, and writes it whole. It returns the keys that differ.
func (k *Keys) change(ctx context.Context, action string, edit func(*dotenv) error) (changed []string, err error) {
	k.writing.Lock()
	defer k.writing.Unlock()
	d, err := k.read()
	if err != nil {
		return nil, err
	}
	before := maps.Clone(d.values)
	if err := edit(d); err != nil {
		return nil, err
	}
	text := d.bytes()
	after := parseDotenv(envName, text)
	changed = different(before, after.values)
	if len(changed) == 0 {
		k.take(after)
		// It may be so since a write that did not come to its end; now it lasts.
		return nil, k.disk.SyncDir(k.home.Dir())
	}
	if err := k.remember(ctx, action, before, changed); err != nil {
		return nil, err
	}
	if err := k.disk.WriteFile(k.home.EnvFile(), text, 0o600); err != nil {
		return nil, err
	}
	k.take(after)
	return changed, nil
}

func different(before, after map[string]string) []string {
	var out []string
	for name, value := range after {
		if old, ok := before[name]; !ok || old != value {
			out = append(out, name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
