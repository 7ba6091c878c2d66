// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/app"
	"holdfast/core/action"
	"holdfast/core/home"
	core "holdfast/core/house"
)

// What a process of this program is: a role, and what the role needs.
const (
	roleVariable    = "HOLDFAST_BENCH_ROLE"
	addressVariable = "HOLDFAST_BENCH_ADDRESS"
	doorVariable    = "HOLDFAST_BENCH_DOOR"
	binVariable     = "HOLDFAST_BENCH_BIN"
	profileVariable = "HOLDFAST_BENCH_PROFILE"
	homeVariable    = "HOLDFAST_BENCH_HOME"
)

func play(role string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch role {
	case "bare":
		return serveBare(ctx, os.Getenv(addressVariable))
	case "stdio":
		return bareServer().Run(ctx, &sdk.StdioTransport{})
	case "house":
		return serveHouse(ctx)
	}
	return fmt.Errorf("there is no such role")
}

type greeting struct {
	Name string `json:"name" required:"true"`
}

type greeted struct {
	Text string `json:"text"`
}

func bareServer() *sdk.Server {
	server := sdk.NewServer(&sdk.Implementation{Name: "bare", Version: "1"}, nil)
	sdk.AddTool(server, &sdk.Tool{Name: "greet"}, func(_ context.Context, _ *sdk.CallToolRequest, in greeting) (*sdk.CallToolResult, greeted, error) {
		return nil, greeted{"hello " + in.Name}, nil
	})
	return server
}

func serveBare(ctx context.Context, address string) error {
	server := bareServer()
	find := func(*http.Request) *sdk.Server { return server }
	mux := http.NewServeMux()
	mux.Handle("/legacy", sdk.NewStreamableHTTPHandler(find, nil))
	mux.Handle("/modern", sdk.NewStreamableHTTPHandler(find, &sdk.StreamableHTTPOptions{Stateless: true, PropagateRequestCancellation: true}))
	front := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = front.Close() })
	if err := front.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// serveHouse is the whole house with one action more, which is the tool in process.
func serveHouse(ctx context.Context) error {
	if path := os.Getenv(profileVariable); path != "" {
		out, err := os.Create(path)
		if err != nil {
			return err
		}
		defer func() { _ = out.Close() }()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	greet := action.NewAction(holdfast.Action{Name: "bench.greet", Summary: "Greet", Tier: holdfast.TierTenantPeer, Effect: holdfast.EffectRead},
		func(_ context.Context, in greeting) (greeted, error) { return greeted{"hello " + in.Name}, nil })
	bin := os.Getenv(binVariable)
	h, err := app.New(home.At(os.Getenv(homeVariable)), &app.Options{
		Log: slog.New(slog.DiscardHandler), Edge: filepath.Join(bin, "holdfast-edge"), Watch: filepath.Join(bin, "holdfast-watch"),
		Set:  map[string]string{"api.listen": os.Getenv(addressVariable), "edge.listen": os.Getenv(doorVariable), "telemetry.enabled": "false"},
		More: []core.Capability{{Name: "bench", Actions: []holdfast.Action{greet}}},
	})
	if err != nil {
		return err
	}
	return h.Run(ctx, func(context.Context) error { return nil })
}

// child is a process of this program in a role.
type child struct {
	cmd *exec.Cmd
	url string
	dir string
}

func startBare(ctx context.Context) (*child, error) {
	return start(ctx, "bare", "/legacy", nil)
}

// startHouse makes a home with the bare server as an extension, and a hub that shows it as it is.
func startHouse(ctx context.Context, bin, profile string) (*child, error) {
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		return nil, err
	}
	bin, err = filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	hub, err := json.Marshal(map[string]any{"mcp_servers": map[string]any{"bench": map[string]any{
		"name": "bench", "enabled": true, "prefix": false, "upstreams": []string{"bare"}, "api_key": key,
	}}})
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"holdfast.yaml": "", ".env": "AGENT_API_KEY=" + key + "\n", "master_config.json": string(hub),
		"extensions/bare/config.json": `{"name":"bare","version":"1","enabled":true,"mcp":{"command":"./server","args":["stdio"]}}`,
		"extensions/bare/server":      string(self),
	} {
		path := filepath.Join(dir, name)
		mode := os.FileMode(0o600)
		if name == "extensions/bare/server" {
			mode = 0o755
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), mode)); err != nil {
			return nil, err
		}
	}
	c, err := start(ctx, "house", "/mcp/bench", []string{homeVariable + "=" + dir, binVariable + "=" + bin, profileVariable + "=" + profile})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c.dir = dir
	return c, nil
}

// start runs this program in a role and waits until it calls the tool at a path.
func start(ctx context.Context, role, path string, env []string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, addressErr := free(ctx)
	door, doorErr := free(ctx)
	if err := errors.Join(addressErr, doorErr); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(append(os.Environ(), roleVariable+"="+role, addressVariable+"="+address, doorVariable+"="+door), env...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, url: "http://" + address}
	deadline := time.Now().Add(30 * time.Second)
	for {
		first, err := eras()[0].open(ctx, c.url+path)
		if err == nil {
			first.tool = "greet"
			err = first.call(ctx)
		}
		if err == nil {
			return c, nil
		}
		if time.Now().After(deadline) {
			c.end()
			return nil, fmt.Errorf("%s does not answer: %w", role, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func free(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

func (c *child) end() {
	_ = c.cmd.Process.Signal(syscall.SIGINT)
	_ = c.cmd.Wait()
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}

// cpu is the processor time of the process so far, without its children's.
func (c *child) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, ok := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	if !ok || len(fields) < 13 {
		return 0, io.ErrUnexpectedEOF
	}
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, err
}

func (c *child) resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, io.ErrUnexpectedEOF
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
