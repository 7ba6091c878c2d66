// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/core/process"
)

const (
	// politeness is how long a server may take to end after its input was closed, then after TERM.
	politeness = 500 * time.Millisecond
	grace      = 2 * time.Second
	maxPages   = 100
	maxTools   = 1000
)

// a live is one process of a tool server and the session with it.
type live struct {
	name    string
	child   process.Child
	session *mcp.ClientSession
	stdin   io.Closer
	stdout  *os.File
	reader  *messages
	stderr  *logPipe
	began   time.Time
	relist  chan struct{} // its list of tools changed
	ended   chan struct{} // the process or the session ended
	ending  sync.Once
	waits   sync.WaitGroup
}

// ask lists the tools, page by page.
func (l *live) ask(ctx context.Context, s *server) (offer, error) {
	var o offer
	if init := l.session.InitializeResult(); init != nil {
		o.instructions = printable(init.Instructions, 4*maxSummary)
		if init.ServerInfo != nil {
			o.version = printable(init.ServerInfo.Version, 100)
		}
		if init.Capabilities == nil || init.Capabilities.Tools == nil {
			return o, nil
		}
	}
	var listed []*mcp.Tool
	params := &mcp.ListToolsParams{}
	for range maxPages {
		page, err := l.session.ListTools(ctx, params)
		if err != nil {
			return o, fmt.Errorf("cannot list its tools: %w", err)
		}
		listed = append(listed, page.Tools...)
		o.problems = append(o.problems, problemsOf(page.Meta)...)
		if page.NextCursor == "" || page.NextCursor == params.Cursor || len(listed) >= maxTools {
			break
		}
		params.Cursor = page.NextCursor
	}
	if len(listed) > maxTools {
		o.problems = append(o.problems, Problem{Part: "tools", Error: fmt.Sprintf("it lists %d tools; the first %d were taken", len(listed), maxTools)})
		listed = listed[:maxTools]
	}
	entries, problems := s.entries(listed)
	o.entries, o.problems = entries, append(o.problems, problems...)
	return o, nil
}

// problemsOf reads what the Python host says about modules that did not load.
func problemsOf(meta mcp.Meta) []Problem {
	said, ok := meta["holdfast/problems"]
	if !ok {
		return nil
	}
	var found []struct{ Module, Error, Traceback string }
	raw, err := json.Marshal(said)
	if err != nil || json.Unmarshal(raw, &found) != nil {
		return nil
	}
	var problems []Problem
	for _, f := range found[:min(len(found), 100)] {
		problems = append(problems, Problem{
			Part: printable(f.Module, 200), Error: printable(f.Error, 1000), Traceback: printable(f.Traceback, 8<<10),
		})
	}
	return problems
}

// watch closes ended when the process ends or the session breaks, whichever is first.
func (l *live) watch() {
	broken := make(chan struct{})
	l.waits.Go(func() {
		defer close(broken)
		_ = l.session.Wait() // why is told by the process
	})
	l.waits.Go(func() {
		defer close(l.ended)
		select {
		case <-l.child.Done():
		case <-broken:
		}
	})
}

// over tells that the server can answer nothing more.
func (l *live) over() bool {
	select {
	case <-l.ended:
		return true
	case <-l.child.Done():
		return true
	default:
		return false
	}
}

// end ends the session and the whole tree of the process: input closed, a little patience, TERM,
// KILL. It returns when nothing is left.
func (l *live) end() {
	l.ending.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = l.stdin.Close()
		wait := time.NewTimer(politeness)
		defer wait.Stop()
		select {
		case <-l.child.Done():
		case <-wait.C:
		}
		// Also after its end: what it started may live on.
		if err := l.child.End(ctx, syscall.SIGTERM, grace); err != nil {
			l.stderr.note("cannot end all of the tool server: " + err.Error())
		}
		_ = l.stdout.Close()
		if l.session != nil {
			_ = l.session.Close()
		}
		l.stderr.close()
		l.waits.Wait()
	})
}

// reason is why a server ended by itself.
func (l *live) reason() error {
	if fault := l.reader.fault.Load(); fault != nil {
		return l.because(*fault)
	}
	select {
	case <-l.child.Done():
		l.stderr.drain()
		return l.because(l.child.Exit().String())
	default:
		return l.because("it broke the protocol")
	}
}

// because adds what the server last wrote to its log, for that mostly says why.
func (l *live) because(what string) error {
	if last := l.stderr.last(); last != "" {
		return fmt.Errorf("%w: %s; it last wrote: %s", errEnded, what, last)
	}
	return fmt.Errorf("%w: %s", errEnded, what)
}

// explain says why a request failed: out of time, or the process ended, or what the session says.
func (l *live) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	// A process that dies closes its pipe just before it can be waited for.
	wait := time.NewTimer(politeness)
	defer wait.Stop()
	select {
	case <-l.child.Done():
		return l.reason()
	case <-wait.C:
		if l.reader.fault.Load() != nil {
			return l.reason()
		}
		return l.because(err.Error())
	}
}

// spoke is the server's own protocol error, empty when the session is what failed.
func (l *live) spoke(err error) string {
	if said, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return printable(said.Message, 4<<10)
	}
	return ""
}

// a launcher starts tool servers.
type launcher struct {
	host   process.Host
	house  string
	python string // folder of the Python host
	logs   func(extension string) string
	home   string // of the house, which sandboxes hide
	env    string // path of .env
	helper string // the program that confines servers
	secret func(string) (holdfast.Secret, bool)
	client *mcp.Implementation
}
