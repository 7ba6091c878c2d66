// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/process"
)

// The defaults of a probe.
const (
	defaultEvery    = 30 * time.Second
	defaultTimeout  = 5 * time.Second
	defaultWithin   = 60 * time.Second // to become ready
	defaultSpare    = 10 * time.Second // after a start, before failing health checks count
	defaultFailures = 3
	// quickest and quick bound how often a starting unit is asked: soon at first, then less.
	quickest = 5 * time.Millisecond
	quick    = 500 * time.Millisecond
	// settled is how long a unit without any probe must live to count as proven.
	settled = time.Second
)

// withDefaults fills what a probe leaves open.
func withDefaults(p holdfast.Probe, unit holdfast.Unit) holdfast.Probe {
	if p.Port == 0 {
		p.Port = unit.Port
	}
	if p.Every == 0 {
		p.Every = defaultEvery
	}
	if p.Timeout == 0 {
		p.Timeout = min(defaultTimeout, p.Every)
	}
	if p.Failures == 0 {
		p.Failures = defaultFailures
	}
	return p
}

// A prober asks units how they are. Its client keeps no connections, so that a probe always
// proves that the unit accepts new ones, and follows no redirects to elsewhere.
type prober struct {
	client *http.Client
	// start starts exec probes, in the unit's folder and environment.
	start func(process.Spec) (process.Child, error)
}

func newProber(host process.Host) *prober {
	return &prober{
		start: host.Start,
		client: &http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true, Proxy: nil},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// ask returns nil when the unit answers well, else why not.
func (pr *prober) ask(ctx context.Context, p holdfast.Probe, spec process.Spec) error {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	switch {
	case p.HTTP != "":
		return pr.http(ctx, p)
	case p.TCP:
		return pr.tcp(ctx, p)
	}
	return pr.exec(ctx, p, spec)
}

func (pr *prober) http(ctx context.Context, p holdfast.Probe) error {
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

func (pr *prober) tcp(ctx context.Context, p holdfast.Probe) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)))
	if err != nil {
		return fmt.Errorf("nobody accepts at port %d: %w", p.Port, bare(err))
	}
	_ = conn.Close()
	return nil
}

// exec runs a program; status 0 is well. What outlives the timeout is killed with all it started.
func (pr *prober) exec(ctx context.Context, p holdfast.Probe, spec process.Spec) error {
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

// A checkup puts the two questions to one launch: ready, until it is; then healthy, for good.
type checkup struct {
	ready, healthy *holdfast.Probe
	began          time.Time
	isReady        bool
	failures       int
	step           time.Duration
	// well counts successes of the healthy question.
	well int
	last error
}

func newCheckup(u holdfast.Unit, began time.Time, up bool) *checkup {
	c := &checkup{began: began, isReady: up || u.Ready == nil, step: quickest}
	if u.Ready != nil {
		p := withDefaults(*u.Ready, u)
		p.Within = cmp.Or(p.Within, defaultWithin)
		c.ready = &p
	}
	if u.Healthy != nil {
		p := withDefaults(*u.Healthy, u)
		p.Within = cmp.Or(p.Within, defaultSpare)
		c.healthy = &p
	}
	return c
}

// question is the probe to ask next, nil when there is nothing to ask.
func (c *checkup) question() *holdfast.Probe {
	if !c.isReady {
		return c.ready
	}
	return c.healthy
}

// A verdict is what one answer means.
type verdict int

const (
	unchanged verdict = iota
	cameReady
	isWell
	isUnwell
	notInTime
)

// answer takes the result of a question and says what follows from it.
func (c *checkup) answer(err error, now time.Time) verdict {
	c.last = err
	if !c.isReady {
		return c.answerReady(err, now)
	}
	if err == nil {
		c.failures = 0
		c.well++
		return isWell
	}
	if c.well == 0 && now.Sub(c.began) < c.healthy.Within {
		return unchanged // the start period
	}
	c.failures++
	if c.failures >= c.healthy.Failures {
		return isUnwell
	}
	return unchanged
}

func (c *checkup) answerReady(err error, now time.Time) verdict {
	switch {
	case err == nil:
		c.isReady, c.step = true, quickest
		return cameReady
	case now.Sub(c.began) >= c.ready.Within:
		return notInTime
	}
	return unchanged
}

// pause is how long to wait before the next question.
func (c *checkup) pause() time.Duration {
	p := c.question()
	if p == nil {
		return 0
	}
	if c.isReady && (c.well > 0 || c.failures > 0) {
		return p.Every
	}
	c.step = min(c.step*2, quick, p.Every)
	return c.step
}
