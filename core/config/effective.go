// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"holdfast"
)

// A Value is one leaf of the effective configuration with where it came from. File is empty for a
// default; for the environment it names the variable.
type Value struct {
	Path   string          `json:"path"`
	Value  json.RawMessage `json:"value"`
	Origin Origin          `json:"origin"`
	File   string          `json:"file,omitempty"`
	Line   int             `json:"line,omitempty"`
}

// Effective lists every leaf in the order of the sections. Passwords in URLs are masked.
func (c *Config) Effective() []Value {
	tree := c.snapshot().tree
	var out []Value
	for _, s := range c.sections {
		out = appendLeaves(out, s.Name, tree.get(s.Name))
	}
	return out
}

func appendLeaves(out []Value, path string, n *node) []Value {
	if n == nil {
		return out
	}
	if n.kind == kindObject && len(n.fields) > 0 {
		for _, f := range n.fields {
			out = appendLeaves(out, joinPath(path, f.name), f.value)
		}
		return out
	}
	raw, err := masked(n).json()
	if err != nil {
		raw = []byte("null")
	}
	return append(out, Value{Path: path, Value: raw, Origin: n.at.origin, File: n.at.file, Line: n.at.line})
}

// masked is a leaf without passwords.
func masked(n *node) *node {
	copied := *n
	if text, ok := n.scalar.(string); ok {
		copied.scalar = hidePassword(text)
	}
	copied.items = nil
	for _, item := range n.items {
		copied.items = append(copied.items, masked(item))
	}
	return &copied
}

// hidePassword masks the password of a URL, the one place where configuration may hold one.
func hidePassword(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	if !found || !strings.Contains(rest, "@") {
		return text
	}
	if u, err := url.Parse(text); err == nil {
		if u.User == nil {
			return text
		}
		if _, has := u.User.Password(); !has {
			return text
		}
	}
	authority, after := rest, ""
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		authority, after = rest[:i], rest[i:]
	}
	user, _, _ := strings.Cut(authority, ":")
	return scheme + "://" + user + ":" + holdfast.NewSecret("-").String() + after
}

// Pinned tells whether a layer above master_config.json holds a path, and where: such a field
// cannot be changed from the Hub. Line is 0 when it is not a file that pins it.
func (c *Config) Pinned(path string) (file string, line int, pinned bool) {
	n, at, whole := c.snapshot().tree.find(splitPath(path))
	if !whole || n == nil {
		return "", 0, false
	}
	switch at.origin {
	case OriginFile, OriginEnvironment, OriginFlag:
		return at.file, at.line, true
	case OriginDefault, OriginMaster:
	}
	return "", 0, false
}

// Sections lists the sections by name, in the order of the wiring.
func (c *Config) Sections() []string { return c.names() }

// Section is the current value of a section, of the type that its Into points to; it must not be
// changed. Nil when there is no such section.
func (c *Config) Section(name string) any { return c.snapshot().values[name] }

// Current is the current value of a section with its type; nil when there is none of that type.
func Current[T any](c *Config, name string) *T {
	value, _ := c.Section(name).(*T)
	return value
}

func (c *Config) snapshot() snapshot {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.current
}

// Check reads everything again and tells all problems, changing nothing.
func (c *Config) Check() []holdfast.Problem {
	_, problems := c.read(nil)
	return problems
}

// CheckMaster tells what would be wrong with the configuration if this were master_config.json:
// only the problems that stand in it.
func (c *Config) CheckMaster(text []byte) []holdfast.Problem {
	_, problems := c.read(&source{name: masterName, text: text})
	return slices.DeleteFunc(problems, func(p holdfast.Problem) bool { return p.File != masterName })
}

// Failed is the error of the last Load or Reload, nil when it was sound.
func (c *Config) Failed() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.failed
}

// A Change is one section that a reload found different. A section that nobody subscribed to
// takes its new values at the next start.
type Change struct {
	Section string `json:"section"`
	Applied bool   `json:"applied"`
	Error   string `json:"error,omitempty"`
}

// Subscribe has changed called, during a reload, with the fresh value of a section when that is
// different; the value is of the type that Into points to and must not be changed. The function
// returned ends the subscription.
func (c *Config) Subscribe(section string, changed func(ctx context.Context, fresh any) error) (cancel func()) {
	l := &listener{section: section, changed: changed}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners = append(c.listeners, l)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		kept := c.listeners[:0:0]
		for _, other := range c.listeners {
			if other != l {
				kept = append(kept, other)
			}
		}
		c.listeners = kept
	}
}

// Reload reads everything again. When all of it is sound the sections are swapped together and
// their subscribers called; else nothing changes and the error holds every problem. What the
// Intos point to stays as it was at Load, so that nobody reads a value being written: who wants
// the news asks Section or subscribes.
func (c *Config) Reload(ctx context.Context) ([]Change, error) {
	c.reloading.Lock()
	defer c.reloading.Unlock()
	fresh, problems := c.read(nil)
	c.mu.Lock()
	if len(problems) > 0 {
		c.failed = invalid(problems)
		defer c.mu.Unlock()
		return nil, c.failed
	}
	old, listeners := c.current, c.listeners
	c.current, c.failed = fresh, nil
	c.mu.Unlock()

	var changes []Change
	for _, s := range c.sections {
		if reflect.DeepEqual(old.values[s.Name], fresh.values[s.Name]) {
			continue
		}
		changes = append(changes, notify(ctx, listeners, s.Name, fresh.values[s.Name]))
	}
	return changes, nil
}

func notify(ctx context.Context, listeners []*listener, section string, fresh any) Change {
	change := Change{Section: section}
	for _, l := range listeners {
		if l.section != section {
			continue
		}
		if err := l.changed(ctx, fresh); err != nil {
			change.Error = fmt.Sprintf("cannot apply: %v", err)
			continue
		}
		change.Applied = true
	}
	return change
}
