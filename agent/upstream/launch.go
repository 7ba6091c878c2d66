// SPDX-License-Identifier: Apache-2.0

package upstream

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

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/core/process"
)

// How the mark of a tool server begins; a unit of an extension named "tools" has another launch.
const (
	markUnit   = "tools."
	markLaunch = "mcp-"
)

// versions of the protocol to begin with: every server of today speaks the older one, and some never
// answer anything newer; empty stands for the newest.
func versions(era Era) []string {
	if era == Modern {
		return []string{""}
	}
	return []string{"2025-11-25", ""}
}

// launch starts the process of a server and the session with it. ctx bounds the start only. A server
// that refuses the older protocol is started again and asked in the newest. An era that is not empty
// must be the server's.
func launch(ctx context.Context, needs *Needs, decl holdfast.ToolServer, era Era, with *calls) (started *live, err error) {
	l := launcher{needs, decl, with}
	for _, version := range versions(era) {
		started, err = l.connect(ctx, version)
		if err == nil || spoke(err) == nil {
			break
		}
	}
	if err == nil && era != "" && started.era != era {
		err = fmt.Errorf("it speaks the %s protocol only", started.era)
		started.end()
	}
	return started, err
}

// a launcher starts the process of one server.
type launcher struct {
	needs *Needs
	decl  holdfast.ToolServer
	calls *calls
}

func (l launcher) connect(ctx context.Context, version string) (*live, error) {
	env, secrets, err := l.environment()
	if err != nil {
		return nil, err
	}
	p, err := l.spawn(env, secrets)
	if err != nil {
		return nil, err
	}
	started, err := connect(ctx, l.needs, p, &mcp.IOTransport{Reader: p.reader, Writer: p.stdin}, version, l.calls)
	if err != nil {
		if spoke(err) == nil {
			err = p.explain(ctx, err)
		}
		p.end(true, func() {})
		return nil, fmt.Errorf("cannot initialize it: %w", err)
	}
	return started, nil
}

// spawn starts the process with pipes at its three streams.
func (l launcher) spawn(env []string, secrets []holdfast.Secret) (*pipes, error) {
	var pipeEnds [6]*os.File // the child's ends are the even ones
	shut := func(which ...int) {
		for _, i := range which {
			if pipeEnds[i] != nil {
				_ = pipeEnds[i].Close()
			}
		}
	}
	for i := 0; i < len(pipeEnds); i += 2 {
		r, w, err := os.Pipe()
		if err != nil {
			shut(0, 1, 2, 3, 4, 5)
			return nil, fmt.Errorf("cannot make a pipe: %w", err)
		}
		pipeEnds[i], pipeEnds[i+1] = w, r
		if i == 0 {
			pipeEnds[i], pipeEnds[i+1] = r, w
		}
	}
	child, err := l.needs.Processes.Start(process.Spec{
		Argv: l.argv(), Dir: l.decl.Dir, Env: env,
		Stdin: pipeEnds[0], Stdout: pipeEnds[2], Stderr: pipeEnds[4],
		Mark:   process.Mark{House: l.needs.House, Unit: markUnit + l.decl.Name, Launch: markLaunch + strings.ToLower(rand.Text()[:12])},
		Limits: l.decl.Limits, Sandbox: l.sandbox(), Hidden: []string{l.needs.Home}, Helper: l.needs.Helper,
	})
	shut(0, 2, 4)
	if err != nil {
		shut(1, 3, 5)
		return nil, err
	}
	started := &pipes{child: child, stdout: pipeEnds[3]}
	started.stderr = newLogPipe(ear{pipeEnds[5], &started.heard}, l.needs.LogFile, secrets)
	started.reader = &messages{
		hear: l.calls.hear, from: bufio.NewReaderSize(ear{pipeEnds[3], &started.heard}, 64<<10),
		to: started.stderr, file: pipeEnds[3], died: started.died,
	}
	limit := func() time.Duration { return silentFor(l.needs.Settings()) }
	started.stdin = newOutbox(pipeEnds[1], limit, child.Done(), started.reader.giveUp)
	return started, nil
}

// sandbox is the server's own; the Python host may be read besides.
func (l launcher) sandbox() *holdfast.Sandbox {
	if l.decl.Sandbox == nil || len(l.decl.Run) > 0 {
		return l.decl.Sandbox
	}
	box := *l.decl.Sandbox
	box.Read = append(slices.Clone(box.Read), l.needs.Python)
	return &box
}

// argv is the server's own command, or the Python host over its modules. -I keeps the environment
// and the user's packages out, -B leaves no compiled files in the extension's folder.
func (l launcher) argv() []string {
	if len(l.decl.Run) > 0 {
		return l.decl.Run
	}
	python := l.decl.Python
	if python == "" {
		python = "python3"
	}
	return append([]string{python, "-I", "-B", "-u", l.needs.Python, l.decl.Name, l.decl.Dir}, l.decl.Modules...)
}

// environment is a small base, the server's own variables, and of .env only what it names.
func (l launcher) environment() ([]string, []holdfast.Secret, error) {
	vars := map[string]string{"LUNA_ENV_FILE": l.needs.EnvFile}
	for _, name := range []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if value, ok := os.LookupEnv(name); ok {
			vars[name] = value
		}
	}
	for name, value := range l.decl.Env {
		vars[name] = value
	}
	var secrets []holdfast.Secret
	var missing []string
	for _, name := range l.decl.Secrets {
		secret, ok := holdfast.Secret{}, false
		if l.needs.Secret != nil {
			secret, ok = l.needs.Secret(name)
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
			return nil, nil, fmt.Errorf("the variable %q cannot be set: its name or value has a forbidden character", plain.Text(name, 100))
		}
		env = append(env, name+"="+value)
	}
	return env, secrets, nil
}

// messages reads what a server writes and passes on only whole JSON objects: what print() and
// banners leave on standard output goes to the log, and progress to who made the call.
type messages struct {
	hear func(message []byte) bool
	from *bufio.Reader
	to   *logPipe
	file io.Closer
	died func() bool // waits a moment for the end of the process
	rest []byte
	// fault is why reading was given up.
	fault atomic.Pointer[string]
	// stray is what came last that was for nobody.
	stray atomic.Pointer[string]
}

const (
	maxMessage = 16 << 20
	maxNoise   = 4 << 10
)

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
			if m.hear(trimmed) {
				continue
			}
			message, err := m.judge(trimmed)
			if err != nil {
				return 0, err
			}
			if message != nil {
				m.rest = append(message, '\n')
			}
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
			return nil, m.giveUp("it sent a message of more than 16 MiB")
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			// The SDK closes the server's input at the end of its output, by which it would end, too.
			if errors.Is(err, io.EOF) && !m.died() {
				return nil, m.giveUp("it closed its output")
			}
			return nil, err
		}
	}
}

// Close closes the pipe, so that a read that waits ends.
func (m *messages) Close() error { return m.file.Close() }
