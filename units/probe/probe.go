// SPDX-License-Identifier: Apache-2.0

// Package probe asks one launch of a unit how it is: whether it is ready, then whether it is
// healthy, by HTTP, TCP, a program, a heartbeat file or a line of its log.
//
// It is not for deciding what follows from an answer (units/supervisor). It guarantees that a unit
// which only looks stale is told from one that answers badly (Stale), that the wall clock's jumps
// make nothing stale, and that a probe leaves no process behind. The supervisor's watch calls it.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"

	"holdfast"
	"holdfast/core/process"
)

// A Prober asks units how they are. Its client keeps no connections, so that a probe always
// proves that the unit accepts new ones, and follows no redirects to elsewhere.
type Prober struct {
	client *http.Client
	// start starts exec probes, in the unit's folder and environment.
	start func(process.Spec) (process.Child, error)
}

// NewProber makes a prober that starts exec probes on a host.
func NewProber(host process.Host) *Prober {
	return &Prober{
		start: host.Start,
		client: &http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true, Proxy: nil},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Ask returns nil when the unit answers well, else why not: a *Stale when there is only silence. An
// exec probe runs as spec says, but for its arguments.
func (pr *Prober) Ask(ctx context.Context, q *Question, spec process.Spec) error {
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	switch {
	case q.Silent():
		return q.look(ctx)
	case q.HTTP != "":
		return pr.http(ctx, q.Probe)
	case q.TCP:
		return pr.tcp(ctx, q.Probe)
	}
	return pr.exec(ctx, q.Probe, spec)
}

func (pr *Prober) http(ctx context.Context, p holdfast.Probe) error {
	url := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)) + p.HTTP
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("cannot ask %s: %w", url, err)
	}
	res, err := pr.client.Do(req)
	if err != nil {
		return fmt.Errorf("no answer at port %d%s: %w", p.Port, p.HTTP, bare(err))
	}
	_ = res.Body.Close()
	if res.StatusCode >= 400 {
		return fmt.Errorf("port %d%s answers %s", p.Port, p.HTTP, res.Status)
	}
	return nil
}

func (pr *Prober) tcp(ctx context.Context, p holdfast.Probe) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)))
	if err != nil {
		return fmt.Errorf("nobody accepts at port %d: %w", p.Port, bare(err))
	}
	_ = conn.Close()
	return nil
}

// exec runs a program; status 0 is well. What outlives the timeout is killed with all it started.
func (pr *Prober) exec(ctx context.Context, p holdfast.Probe, spec process.Spec) error {
	spec.Argv = p.Exec
	child, err := pr.start(spec)
	if err != nil {
		return err
	}
	defer func() { _ = child.End(context.WithoutCancel(ctx), syscall.SIGKILL, 0) }()
	select {
	case <-child.Done():
	case <-ctx.Done():
		return fmt.Errorf("%s did not end within %s", p.Exec[0], p.Timeout)
	}
	if exit := child.Exit(); !exit.Success() {
		return fmt.Errorf("%s %s", p.Exec[0], exit)
	}
	return nil
}

// bare leaves the innermost reason, for the addresses around it are said already.
func bare(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		return op.Err
	}
	return err
}
