// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is a server of ours or a peer's, as a process of its own.
type child struct {
	cmd *exec.Cmd
	url string
	// profiles is where it serves its profiles, empty for nowhere.
	profiles string
	// undo, unless nil, removes what it lived in.
	undo func() error
}

// start runs this program again in a role; it prints its address.
func start(ctx context.Context, role string, env []string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(append(os.Environ(), "HOLDFAST_BENCH_ROLE="+role), env...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not start: %w", role, err), cmd.Wait())
	}
	return &child{cmd: cmd, url: strings.TrimSpace(line)}, nil
}

// gateway is one that is measured. Its headers lead to one temper of the upstream, "" for the plain
// one.
type gateway struct {
	*child
	headers func(temper string) http.Header
}

func startGateway(ctx context.Context, name, program, upstream string, profile bool) (gateway, error) {
	switch name {
	case "holdfast":
		return startHoldfast(ctx, program, upstream, profile)
	case "portkey":
		return startPortkey(ctx, upstream)
	}
	return gateway{}, fmt.Errorf("there is no peer %q: want portkey", name)
}

// startHoldfast brings a house up as it is published, or as a role of this program when profiles of it
// are wanted.
func startHoldfast(ctx context.Context, program, upstream string, profile bool) (gateway, error) {
	profiles := ""
	o, undo, err := settle(program, upstream)
	if err == nil && profile {
		var self string
		var port int
		self, err = os.Executable()
		if err == nil {
			port, err = freePort(ctx)
		}
		profiles = fmt.Sprintf("127.0.0.1:%d", port)
		o.program, o.env = self, []string{"HOLDFAST_BENCH_ROLE=profiled", profileVariable + "=" + profiles}
	}
	if err != nil {
		return gateway{}, err
	}
	c, err := o.up(ctx)
	if err != nil {
		return gateway{}, errors.Join(err, undo())
	}
	c.profiles, c.undo = profiles, undo
	return gateway{c, func(string) http.Header { return nil }}, nil
}

// peers is the folder with the pinned package.json, beside this file.
func peers() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("cannot find bench/gateway/peers")
	}
	dir := filepath.Join(filepath.Dir(file), "peers")
	if _, err := os.Stat(dir); err != nil {
		dir = filepath.Join("bench", "gateway", "peers")
	}
	return dir, nil
}

func startPortkey(ctx context.Context, upstream string) (gateway, error) {
	dir, err := peers()
	if err != nil {
		return gateway{}, err
	}
	script := filepath.Join(dir, "node_modules", "@portkey-ai", "gateway", "build", "start-server.js")
	if _, err := os.Stat(script); err != nil {
		install := exec.CommandContext(ctx, "npm", "ci", "--no-progress")
		install.Dir, install.Stderr = dir, os.Stderr
		if err := install.Run(); err != nil {
			return gateway{}, fmt.Errorf("cannot install the peer: %w", err)
		}
	}
	port, err := freePort(ctx)
	if err != nil {
		return gateway{}, err
	}
	cmd := exec.CommandContext(ctx, "node", script, "--headless", "--port="+strconv.Itoa(port))
	cmd.Env = append(os.Environ(), "NODE_ENV=production", "TRUSTED_CUSTOM_HOSTS=127.0.0.1,localhost")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return gateway{}, err
	}
	c := &child{cmd: cmd, url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	if err := c.ready(ctx); err != nil {
		c.stop()
		return gateway{}, err
	}
	return gateway{c, func(temper string) http.Header { return portkeyHeaders(upstream, temper) }}, nil
}

// portkeyHeaders are the configuration of one call: to one temper, or past the dead one.
func portkeyHeaders(upstream, temper string) http.Header {
	switch temper {
	case "":
		return http.Header{"X-Portkey-Provider": {"openai"}, "X-Portkey-Custom-Host": {upstream + "/v1"}}
	case "dead":
		target := `{"provider":"openai","api_key":"sk-bench","custom_host":"%s"}`
		return http.Header{"X-Portkey-Config": {`{"strategy":{"mode":"fallback"},"targets":[` +
			fmt.Sprintf(target, upstream+"/dead/v1") + "," + fmt.Sprintf(target, upstream+"/v1") + `]}`}}
	}
	return http.Header{"X-Portkey-Provider": {"openai"}, "X-Portkey-Custom-Host": {upstream + "/" + temper + "/v1"}}
}

func freePort(ctx context.Context) (int, error) {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := socket.Addr().(*net.TCPAddr).Port
	return port, socket.Close()
}

// ready waits until the port answers.
func (c *child) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(c.url, "http://"))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not listen: %w", err)
		case <-again.C:
		}
	}
}

func (c *child) stop() {
	_ = c.cmd.Process.Signal(os.Interrupt)
	done := make(chan struct{})
	go func() {
		_ = c.cmd.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = c.cmd.Process.Signal(syscall.SIGKILL)
		<-done
	}
	if c.undo != nil {
		_ = c.undo()
	}
}

// cpu is the user and system time of the process, in ticks of 10 ms.
func (c *child) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	ticks := 0
	for _, i := range []int{11, 12} { // utime, stime
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// rss is the resident memory in MB, anon what of it is not the program's own file, of which the page
// cache decides how much counts.
func (c *child) rss() (rss, anon float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		for name, into := range map[string]*float64{"VmRSS:": &rss, "RssAnon:": &anon} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				*into = kb / 1000
			}
		}
	}
	return rss, anon
}
