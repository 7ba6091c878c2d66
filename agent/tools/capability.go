// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"reflect"
	"time"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/skills"
	"holdfast/agent/tools/host"
	"holdfast/agent/tools/pin"
	"holdfast/agent/upstream"
	"holdfast/core/house"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the package's tables.
func Migrations() fs.FS {
	sub, _ := fs.Sub(migrations, "migrations") // the embedded folder is there
	return sub
}

// Capability is what the catalogue contributes to the house.
func (c *Catalogue) Capability() house.Capability {
	d := desk{c}
	return house.Capability{
		Name: "tools", Config: c.section, Migrations: Migrations(),
		Actions: d.actions(),
		Checks:  []holdfast.Check{{Name: "tools", Run: d.check}},
		Alerts:  []holdfast.AlertRule{d.alert(), d.withheld()},
		Start:   c.start,
		Run:     c.follow,
		Stop:    c.stop,
		Reason:  "extensions declare the tool servers before they are started",
	}
}

// start puts the Python host into its place and starts every declared server whose offer is not known
// from before. It waits for none.
func (c *Catalogue) start(ctx context.Context) error {
	folder, err := host.Install(c.needs.Home.Var("run"))
	if err != nil {
		return err
	}
	mark := c.needs.House()
	if err := upstream.Reap(ctx, c.needs.Processes, mark, c.needs.Log); err != nil {
		return err
	}
	if named, ok := c.needs.Journal.(interface{ Node() string }); ok {
		c.register.node = named.Node()
	}
	if err := errors.Join(c.pins.Load(ctx, c.register.node), c.usage.load(ctx), c.memory.load(ctx, c.register.node)); err != nil {
		return err
	}
	c.shelf.look()
	leafThrough(c)
	c.mu.Lock()
	c.lends = upstream.Needs{
		Settings: func() upstream.Settings {
			s := c.settings()
			return upstream.Settings{StartWithin: s.StartWithin.Std(), Idle: s.Idle.Std(), Parallel: s.Parallel, Call: s.Timeout.Std()}
		},
		Processes: c.needs.Processes, House: mark, Helper: c.needs.Helper,
		Python: folder, Home: c.needs.Home.Dir(), EnvFile: c.needs.Home.Path(".env"),
		Secret: c.needs.Secret, Changed: c.touch, Updated: c.subscriptions.updated, Log: c.needs.Log,
	}
	life, end := context.WithCancel(context.Background())
	c.life, c.end = life, end
	c.mu.Unlock()
	c.Refresh()
	c.loops.Go(func() { c.keep(life) })
	return nil
}

const (
	// leafEvery is how often the folders of skills are looked at.
	leafEvery = 10 * time.Second
	// writeEvery is how often what was counted, and what servers offer, is written down.
	writeEvery = time.Minute
)

// keep writes down what the catalogue learns, and takes up the settings, until the house ends.
func (c *Catalogue) keep(ctx context.Context) {
	var edited <-chan struct{}
	if c.needs.Master != nil {
		edited = c.needs.Master.Watch(ctx)
	}
	write, leaf := time.NewTicker(writeEvery), time.NewTicker(leafEvery)
	defer leaf.Stop()
	defer write.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-edited:
			if c.shelf.look() {
				c.touch()
			}
			c.Refresh() // no remote server has the name of an extension
			followHubs(ctx, c)
		case <-leaf.C:
			if leafThrough(c) {
				c.touch()
			}
		case <-c.pins.Wake():
			writeDown(ctx, c)
		case <-write.C:
			writeDown(ctx, c)
			followHubs(ctx, c)
		}
	}
}

// followHubs ends what was given at hubs that are gone. What fails is tried again.
func followHubs(ctx context.Context, c *Catalogue) {
	if err := registerHubs(ctx, c); err != nil && ctx.Err() == nil {
		c.needs.Log.Error("old access to a hub could come back with its name; it is tried again", slog.Any("error", err))
	}
}

// leafThrough looks at the skills, and tells whether they are others than before.
func leafThrough(c *Catalogue) (changed bool) {
	if c.needs.Skills == nil {
		return false
	}
	now := c.needs.Skills.Offered()
	return skills.Stamp(*c.offered.Swap(&now)) != skills.Stamp(now)
}

// writeDown writes down pins, uses and offers. What fails is tried again.
func writeDown(ctx context.Context, c *Catalogue) {
	if err := c.flush(ctx); err != nil && ctx.Err() == nil {
		c.needs.Log.Error("cannot write down what is known of the tools; it is tried again", slog.Any("error", err))
	}
}

// flush writes down what is known. Of a server's offer only what is pinned counts later.
func (c *Catalogue) flush(ctx context.Context) error {
	if c.memory.pending() {
		c.snapshot()
	}
	return errors.Join(c.pins.Flush(ctx), c.usage.flush(ctx), c.memory.flush(ctx))
}

// follow takes up the changes of the extensions and of the remote servers.
func (c *Catalogue) follow(ctx context.Context) error {
	for {
		var extensions, remotes <-chan struct{}
		if c.needs.Extensions != nil {
			extensions = c.needs.Extensions.Changed()
		}
		if c.needs.Remotes != nil {
			remotes = c.needs.Remotes.Changed()
		}
		c.Refresh()
		select {
		case <-ctx.Done():
			return nil
		case <-extensions:
		case <-remotes:
		}
	}
}

// stop ends every server with its whole tree and waits for it.
func (c *Catalogue) stop(ctx context.Context) error {
	c.mu.Lock()
	if c.end != nil {
		c.end()
	}
	c.life = nil
	c.mu.Unlock()
	done := make(chan struct{})
	go func() {
		c.loops.Wait()
		close(done)
	}()
	select {
	case <-done:
		return c.flush(ctx)
	case <-ctx.Done():
		return fmt.Errorf("cannot wait for the tool servers to end: %w", ctx.Err())
	}
}

// Refresh takes up what the extensions and the remote servers are now: new servers start, or rest when
// the house before kept what they offer, vanished ones end, changed ones start anew. A remote server of an
// extension's name is none, also while the extension is off: hubs name both by it.
func (c *Catalogue) Refresh() {
	var declared []upstream.Declaration
	if c.needs.Extensions != nil {
		for _, server := range c.needs.Extensions.ToolServers() {
			declared = append(declared, upstream.Declaration{Name: server.Name, Stdio: &server})
		}
	}
	if c.needs.Remotes != nil {
		taken := c.shelf.book.Load().extensions
		for _, server := range c.needs.Remotes.Declarations() {
			if !taken[server.Name] {
				declared = append(declared, server)
			}
		}
	}
	offers := recall(c, declared)
	c.mu.Lock()
	if c.life == nil {
		c.mu.Unlock()
		return
	}
	changed := c.reconcile(declared, offers)
	c.mu.Unlock()
	if changed {
		c.touch()
	}
}

func (c *Catalogue) reconcile(declared []upstream.Declaration, offers map[string]upstream.Offer) (changed bool) {
	wanted := map[string]bool{}
	for _, decl := range declared {
		if wanted[decl.Name] {
			continue // an extension's stands before a remote server of its name
		}
		wanted[decl.Name] = true
		old := c.servers[decl.Name]
		if old != nil && alike(old.decl, decl) {
			changed = old.resettle(decl) || changed
			continue
		}
		known, ok := offers[decl.Name]
		c.begin(decl, old, known, ok && old == nil)
		changed = true
	}
	for name, s := range c.servers {
		if !wanted[name] {
			s.stop()
			delete(c.servers, name)
			c.memory.note(name, kept{})
			changed = true
		}
	}
	return changed
}

// alike tells whether a server may run on: its switches are the catalogue's and not its own.
func alike(a, b upstream.Declaration) bool {
	if (a.Stdio == nil) != (b.Stdio == nil) {
		return false
	}
	if a.Stdio != nil {
		x, y := *a.Stdio, *b.Stdio
		x.Settings, y.Settings = nil, nil
		return reflect.DeepEqual(x, y)
	}
	x, y := a.Remote, b.Remote
	return x.URL == y.URL && x.Legacy == y.Legacy && x.Key == y.Key && x.Auth == y.Auth && maps.Equal(x.Header, y.Header)
}

// resettle takes other switches up.
func (s *source) resettle(decl upstream.Declaration) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if decl.Stdio == nil || maps.Equal(s.settings, decl.Stdio.Settings) {
		return false
	}
	s.settings, s.made = decl.Stdio.Settings, nil
	return true
}

// maxShownPlace bounds the address that a remote server led to, in the journal.
const maxShownPlace = 300

// begin starts the loop of a server after the one that it replaces has ended. A known one rests first.
func (c *Catalogue) begin(decl upstream.Declaration, old *source, offer upstream.Offer, known bool) {
	ctx, stop := context.WithCancel(c.life)
	needs := c.lends
	needs.LogFile = c.needs.Home.Var("logs", decl.Name+"_tools.log")
	s := &source{decl: decl, reader: c.reader, stop: stop}
	needs.Elsewhere = func(place string) {
		c.pins.Found(pin.Of(s.label(), pin.KindPlace, place), map[string]string{"led_to": plain.Text(place, maxShownPlace)})
	}
	if decl.Stdio != nil {
		needs.Begins = keeper{memory: c.memory, decl: *decl.Stdio, host: needs.Python, secret: needs.Secret}.begins
		s.settings = decl.Stdio.Settings
	}
	s.Server = upstream.New(decl, needs)
	if known {
		s.Resume(offer)
	}
	s.Follow(c.subscriptions.of(decl.Name)) // clients of the one before go on
	c.servers[decl.Name] = s
	c.loops.Go(func() {
		defer stop()
		if old != nil {
			old.stop()
			<-old.Over()
		}
		s.Run(ctx)
	})
}

// Restart starts a tool server anew, for what changed in its files.
func (c *Catalogue) Restart(ctx context.Context, name string) error {
	c.mu.Lock()
	s := c.servers[name]
	c.mu.Unlock()
	if s == nil {
		return holdfast.Errorf(holdfast.CodeNotFound, "there is no tool server %q: `holdfast tools` lists them", name)
	}
	s.Restart()
	select {
	case <-s.Tried():
		return s.Trouble()
	case <-s.Over():
		return s.Trouble()
	case <-ctx.Done():
		return ctx.Err()
	}
}
