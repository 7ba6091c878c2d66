// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"fmt"
	"reflect"

	"holdfast"
	"holdfast/agent/tools/host"
	"holdfast/agent/upstream"
	"holdfast/core/house"
)

// Capability is what the catalogue contributes to the house.
func (c *Catalogue) Capability() house.Capability {
	d := desk{c}
	return house.Capability{
		Name:    "tools",
		Config:  c.section,
		Actions: d.actions(),
		Checks:  []holdfast.Check{{Name: "tools", Run: d.check}},
		Alerts:  []holdfast.AlertRule{d.alert()},
		Start:   c.start,
		Run:     c.follow,
		Stop:    c.stop,
		Reason:  "extensions declare the tool servers before they are started",
	}
}

// start puts the Python host into its place and starts every declared server. It waits for none.
func (c *Catalogue) start(ctx context.Context) error {
	folder, err := host.Install(c.needs.Home.Var("run"))
	if err != nil {
		return err
	}
	mark := c.needs.House()
	if err := upstream.Reap(ctx, c.needs.Processes, mark, c.needs.Log); err != nil {
		return err
	}
	c.mu.Lock()
	c.lends = upstream.Needs{
		Settings: c.lent, Processes: c.needs.Processes, House: mark, Helper: c.needs.Helper,
		Python: folder, Home: c.needs.Home.Dir(), EnvFile: c.needs.Home.Path(".env"),
		Secret: c.needs.Secret, Changed: c.touch, Updated: func(string) {}, Log: c.needs.Log,
	}
	c.life, c.end = context.WithCancel(context.Background())
	c.mu.Unlock()
	c.Refresh()
	return nil
}

// lent is the settings of the servers.
func (c *Catalogue) lent() upstream.Settings {
	s := c.settings()
	return upstream.Settings{StartWithin: s.StartWithin.Std(), Idle: s.Idle.Std(), Parallel: s.Parallel}
}

// follow takes up the changes of the extensions.
func (c *Catalogue) follow(ctx context.Context) error {
	if c.needs.Extensions == nil {
		<-ctx.Done()
		return nil
	}
	for {
		changed := c.needs.Extensions.Changed()
		c.Refresh()
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
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
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot wait for the tool servers to end: %w", ctx.Err())
	}
}

// Refresh takes up what the extensions declare now: new servers start, vanished ones end, changed
// ones start anew.
func (c *Catalogue) Refresh() {
	var declared []holdfast.ToolServer
	if c.needs.Extensions != nil {
		declared = c.needs.Extensions.ToolServers()
	}
	c.mu.Lock()
	if c.life == nil {
		c.mu.Unlock()
		return
	}
	changed := c.reconcile(declared)
	c.mu.Unlock()
	if changed {
		c.touch()
	}
}

func (c *Catalogue) reconcile(declared []holdfast.ToolServer) (changed bool) {
	wanted := map[string]bool{}
	for _, decl := range declared {
		wanted[decl.Name] = true
		old := c.servers[decl.Name]
		if old != nil && reflect.DeepEqual(old.decl, decl) {
			continue
		}
		c.begin(decl, old)
		changed = true
	}
	for name, s := range c.servers {
		if !wanted[name] {
			s.stop()
			delete(c.servers, name)
			changed = true
		}
	}
	return changed
}

// begin starts the loop of a server after the one that it replaces has ended.
func (c *Catalogue) begin(decl holdfast.ToolServer, old *source) {
	ctx, stop := context.WithCancel(c.life)
	needs := c.lends
	needs.LogFile = c.needs.Home.Var("logs", decl.Name+"_tools.log")
	s := &source{Server: upstream.New(upstream.Declaration{Name: decl.Name, Stdio: &decl}, needs), decl: decl, stop: stop}
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
		return holdfast.Errorf(holdfast.CodeNotFound, "there is no tool server %q", name)
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
