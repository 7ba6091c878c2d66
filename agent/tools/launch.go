// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/core/process"
)

// How the mark of a tool server begins; a unit of an extension named "tools" has another launch.
const (
	markUnit   = "tools."
	markLaunch = "mcp-"
)

// versions of the protocol to begin with: every server of today speaks the older one, and some never
// answer anything newer; empty stands for the newest.
func versions() []string { return []string{"2025-11-25", ""} }

// launch starts the process of a tool server and the session with it. ctx bounds the start only. A
// server that refuses the older protocol is started again and asked in the newest.
func (l *launcher) launch(ctx context.Context, decl holdfast.ToolServer) (started *live, err error) {
	for _, version := range versions() {
		started, err = l.connect(ctx, decl, version)
		if _, refused := errors.AsType[*jsonrpc.Error](err); err == nil || !refused {
			return started, err
		}
	}
	return nil, err
}

func (l *launcher) connect(ctx context.Context, decl holdfast.ToolServer, version string) (*live, error) {
	env, secrets, err := l.environment(decl)
	if err != nil {
		return nil, err
	}
	started, stdin, err := l.spawn(decl, env, secrets)
	if err != nil {
		return nil, err
	}
	client := mcp.NewClient(l.client, &mcp.ClientOptions{
		Capabilities: &mcp.ClientCapabilities{},
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) {
			select {
			case started.relist <- struct{}{}:
			default:
			}
		},
	})
	session, err := client.Connect(ctx, &mcp.IOTransport{Reader: started.reader, Writer: stdin}, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		if _, said := errors.AsType[*jsonrpc.Error](err); !said {
			err = started.explain(ctx, err)
		}
		started.end()
		return nil, fmt.Errorf("cannot initialize it: %w", err)
	}
	started.session = session
	started.watch()
	return started, nil
}

// spawn starts the process with pipes at its three streams.
func (l *launcher) spawn(decl holdfast.ToolServer, env []string, secrets []holdfast.Secret) (*live, *os.File, error) {
	var pipes [6]*os.File // the child's ends are the even ones
	shut := func(which ...int) {
		for _, i := range which {
			if pipes[i] != nil {
				_ = pipes[i].Close()
			}
		}
	}
	for i := 0; i < len(pipes); i += 2 {
		r, w, err := os.Pipe()
		if err != nil {
			shut(0, 1, 2, 3, 4, 5)
			return nil, nil, fmt.Errorf("cannot make a pipe: %w", err)
		}
		pipes[i], pipes[i+1] = w, r
		if i == 0 {
			pipes[i], pipes[i+1] = r, w
		}
	}
	child, err := l.host.Start(process.Spec{
		Argv: l.argv(decl), Dir: decl.Dir, Env: env,
		Stdin: pipes[0], Stdout: pipes[2], Stderr: pipes[4],
		Mark:   process.Mark{House: l.house, Unit: markUnit + decl.Name, Launch: markLaunch + strings.ToLower(rand.Text()[:12])},
		Limits: decl.Limits, Sandbox: l.sandbox(decl), Hidden: []string{l.home}, Helper: l.helper,
	})
	shut(0, 2, 4)
	if err != nil {
		shut(1, 3, 5)
		return nil, nil, err
	}
	started := &live{
		name: decl.Name, child: child, stdin: pipes[1], stdout: pipes[3], began: time.Now(),
		stderr: newLogPipe(pipes[5], l.logs(decl.Name), secrets),
		relist: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	started.reader = &messages{from: bufio.NewReaderSize(pipes[3], 64<<10), to: started.stderr, file: pipes[3]}
	return started, pipes[1], nil
}

// sandbox is the server's own; the Python host may be read besides.
func (l *launcher) sandbox(decl holdfast.ToolServer) *holdfast.Sandbox {
	if decl.Sandbox == nil || len(decl.Run) > 0 {
		return decl.Sandbox
	}
	box := *decl.Sandbox
	box.Read = append(slices.Clone(box.Read), l.python)
	return &box
}

// argv is the server's own command, or the Python host over its modules. -I keeps the environment
// and the user's packages out, -B leaves no compiled files in the extension's folder.
func (l *launcher) argv(decl holdfast.ToolServer) []string {
	if len(decl.Run) > 0 {
		return decl.Run
	}
	python := decl.Python
	if python == "" {
		python = "python3"
	}
	return append([]string{python, "-I", "-B", "-u", l.python, decl.Name, decl.Dir}, decl.Modules...)
}

// environment is a small base, the server's own variables, and of .env only what it names.
func (l *launcher) environment(decl holdfast.ToolServer) ([]string, []holdfast.Secret, error) {
	vars := map[string]string{"LUNA_ENV_FILE": l.env}
	for _, name := range []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if value, ok := os.LookupEnv(name); ok {
			vars[name] = value
		}
	}
	for name, value := range decl.Env {
		vars[name] = value
	}
	var secrets []holdfast.Secret
	var missing []string
	for _, name := range decl.Secrets {
		secret, ok := holdfast.Secret{}, false
		if l.secret != nil {
			secret, ok = l.secret(name)
		}
		if !ok || secret.Empty() {
			missing = append(missing, name)
			continue
		}
		secrets = append(secrets, secret)
		vars[name] = secret.Reveal()
	}
	if len(missing) > 0 {
		return nil, nil, fmt.Errorf("its required secrets are not set: %s", strings.Join(missing, ", "))
	}
	delete(vars, holdfast.BypassVariable)
	var env []string
	for name, value := range vars {
		if strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
			return nil, nil, fmt.Errorf("the variable %q cannot be set: its name or value has a forbidden character", printable(name, 100))
		}
		env = append(env, name+"="+value)
	}
	return env, secrets, nil
}

// messages reads what a server writes and passes on only whole JSON objects: what print() and
// banners leave on standard output goes to the log.
type messages struct {
	from *bufio.Reader
	to   *logPipe
	file io.Closer
	rest []byte
	// fault is why reading was given up.
	fault atomic.Pointer[string]
}

const (
	maxMessage = 16 << 20
	maxNoise   = 4 << 10
)

var errHuge = errors.New("it sent a message of more than 16 MiB")

// Read gives the next part of a message.
func (m *messages) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		line, err := m.line()
		if err != nil {
			return 0, err
		}
		trimmed := bytes.TrimSpace(line)
		switch {
		case len(trimmed) == 0:
		case trimmed[0] == '{' && json.Valid(trimmed):
			m.rest = append(trimmed, '\n')
		default:
			m.to.note("not a message on standard output: " + string(trimmed[:min(len(trimmed), maxNoise)]))
		}
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// line reads up to the next line end, bounded.
func (m *messages) line() ([]byte, error) {
	var line []byte
	for {
		part, err := m.from.ReadSlice('\n')
		if len(line)+len(part) > maxMessage {
			why := errHuge.Error()
			m.fault.Store(&why)
			m.to.note(why)
			return nil, errHuge
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// Close closes the pipe, so that a read that waits ends.
func (m *messages) Close() error { return m.file.Close() }
