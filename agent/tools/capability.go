// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/core/home"
	"holdfast/core/house"

	"holdfast"
)

//go:embed host/*.py
var pythonHost embed.FS

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
	folder, err := installHost(c.needs.Home.Var("run"))
	if err != nil {
		return err
	}
	mark := c.needs.House()
	if err := c.reap(ctx, mark); err != nil {
		return err
	}
	l := &launcher{
		host: c.needs.Processes, house: mark, python: folder, secret: c.needs.Secret,
		home:   c.needs.Home.Dir(),
		env:    c.needs.Home.Path(".env"),
		helper: c.needs.Helper,
		logs:   func(extension string) string { return c.needs.Home.Var("logs", extension+"_tools.log") },
		client: &mcp.Implementation{Name: "holdfast", Version: "1"},
	}
	c.mu.Lock()
	c.launcher = l
	c.life, c.end = context.WithCancel(context.Background())
	c.mu.Unlock()
	c.Refresh()
	return nil
}

// reap ends the tool servers that a killed house left: nobody can speak with them any more.
func (c *Catalogue) reap(ctx context.Context, mark string) error {
	found, err := c.needs.Processes.Marked(mark)
	if err != nil {
		return fmt.Errorf("cannot look for tool servers that were left: %w", err)
	}
	for _, f := range found {
		if !strings.HasPrefix(f.Mark.Unit, markUnit) || !strings.HasPrefix(f.Mark.Launch, markLaunch) {
			continue
		}
		c.needs.Log.Info("ending a tool server that was left", slog.String("unit", f.Mark.Unit), slog.Int("pid", f.PID))
		if err := c.needs.Processes.EndMarked(ctx, f.Mark, syscall.SIGKILL, 0); err != nil {
			return fmt.Errorf("cannot end the tool server %s that was left: %w", f.Mark.Unit, err)
		}
	}
	return nil
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
func (c *Catalogue) begin(decl holdfast.ToolServer, old *server) {
	ctx, stop := context.WithCancel(c.life)
	s := newServer(decl, c.launcher, c.settings, c.needs.Log, c.touch)
	s.stop = stop
	c.servers[decl.Name] = s
	c.loops.Go(func() {
		defer stop()
		if old != nil {
			old.stop()
			<-old.gone
		}
		s.run(ctx)
	})
}

// Restart starts a tool server anew, for what changed in its files.
func (c *Catalogue) Restart(ctx context.Context, name string) error {
	c.mu.Lock()
	old := c.servers[name]
	if old == nil || c.life == nil {
		c.mu.Unlock()
		return holdfast.Errorf(holdfast.CodeNotFound, "there is no tool server %q", name)
	}
	c.begin(old.decl, old)
	fresh := c.servers[name]
	c.mu.Unlock()
	c.touch()
	select {
	case <-fresh.tried:
		return fresh.trouble()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// trouble is why a server does not serve, nil when it does or could.
func (s *server) trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == StateWaiting || s.state == StateBlocked {
		return holdfast.Errorf(holdfast.CodeUnavailable, "the tool server of %s does not run: %w", s.decl.Name, s.err)
	}
	return nil
}

// installHost writes the Python host under a name that tells its content, so that a house of
// another version beside this one keeps its own.
func installHost(run string) (string, error) {
	files, err := fs.Sub(pythonHost, "host")
	if err != nil {
		return "", err
	}
	names, err := fs.Glob(files, "*.py")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	content := map[string][]byte{}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return "", fmt.Errorf("cannot read the Python host: %w", err)
		}
		content[name] = data
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", name, len(data), data)
	}
	folder := filepath.Join(run, "python-host-"+hex.EncodeToString(sum.Sum(nil)[:6]))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the folder of the Python host: %w", err)
	}
	for name, data := range content {
		path := filepath.Join(folder, name)
		if have, err := os.ReadFile(path); err == nil && string(have) == string(data) {
			continue
		}
		if err := home.WriteFile(path, data, 0o600); err != nil {
			return "", fmt.Errorf("cannot write the Python host: %w", err)
		}
	}
	return folder, nil
}
