// SPDX-License-Identifier: Apache-2.0

// Command edge measures the front door beside the same Caddy without our handler: requests a
// second and processor time a request, in alternating rounds with the same client and upstream,
// and how soon the edge serves after its start.
//
// It is for finding out, not for asserting. It builds both programs and stops what it starts.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast/edge/router"
)

const (
	rounds      = 7
	connections = 16
	requests    = 6000
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "edge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, path := range map[string]string{"edge": "./cmd/holdfast-edge", "bare": "./bench/edge/bare"} {
		out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, name), path).CombinedOutput()
		if err != nil {
			return fmt.Errorf("cannot build %s: %w\n%s", name, err, out)
		}
	}
	upstream := httptest.NewServer(http.HandlerFunc(answer))
	defer upstream.Close()
	port := upstream.Listener.Addr().(*net.TCPAddr).Port
	ours, err := startEdge(ctx, dir, port)
	if err != nil {
		return err
	}
	defer ours.end()
	bare, err := startBare(ctx, dir, port)
	if err != nil {
		return err
	}
	defer bare.end()
	return compare(ctx, ours, bare)
}

func answer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"note":"`+strings.Repeat("x", 500)+`"}`)
}

func compare(ctx context.Context, ours, bare *server) error {
	var rate, cost [2][]float64
	for range rounds {
		for i, s := range []*server{ours, bare} {
			perSecond, micros, err := s.load(ctx)
			if err != nil {
				return err
			}
			rate[i], cost[i] = append(rate[i], perSecond), append(cost[i], micros)
		}
	}
	fmt.Printf("front door: %.0f requests/s, %.0f µs processor a request; bare Caddy: %.0f, %.0f µs\n", median(rate[0]), median(cost[0]), median(rate[1]), median(cost[1]))
	fmt.Printf("throughput %.2f × bare Caddy (bar ≥ 0.95), processor %.2f ×\n", median(rate[0])/median(rate[1]), median(cost[0])/median(cost[1]))
	fmt.Printf("ready %d ms after its start, %s resident after the load, binary %s\n", ours.ready.Milliseconds(), ours.resident(), ours.size())
	return nil
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// A server is one of the two under load.
type server struct {
	cmd    *exec.Cmd
	url    string
	cookie string
	ready  time.Duration
}

func (s *server) end() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

func start(ctx context.Context, program, config, url, cookie string, files ...*os.File) (*server, error) {
	s := &server{cmd: exec.CommandContext(ctx, program, config), url: url, cookie: cookie}
	s.cmd.ExtraFiles = files
	s.cmd.Env = []string{"HOME=" + filepath.Dir(config), "XDG_DATA_HOME=" + filepath.Dir(config), "XDG_CONFIG_HOME=" + filepath.Dir(config)}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if err := s.get(ctx, http.DefaultClient); err == nil {
			break
		} else if time.Since(began) > 20*time.Second {
			s.end()
			return nil, fmt.Errorf("%s does not serve: %w", program, err)
		}
	}
	s.ready = time.Since(began)
	return s, nil
}

func (s *server) get(ctx context.Context, client *http.Client) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Cookie", s.cookie)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("status %d", response.StatusCode))
	}
	return errors.Join(err, response.Body.Close())
}

func (s *server) load(ctx context.Context) (perSecond, micros float64, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}}
	defer client.CloseIdleConnections()
	failed := make(chan error, connections)
	before, began := s.processor(), time.Now()
	var wait sync.WaitGroup
	for range connections {
		wait.Go(func() {
			for range requests / connections {
				if err := s.get(ctx, client); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wait.Wait()
	took := time.Since(began)
	select {
	case err := <-failed:
		return 0, 0, err
	default:
	}
	const n = requests / connections * connections
	return n / took.Seconds(), float64((s.processor() - before).Microseconds()) / n, nil
}

// processor is the time that the server has used, in the kernel's ticks of 10 ms.
func (s *server) processor() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

func (s *server) resident() string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

func (s *server) size() string {
	info, err := os.Stat(s.cmd.Path)
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.1f MB", float64(info.Size())/1e6)
}

type object = map[string]any

// caddy is a configuration with the given handlers after compression.
func caddy(dir, name, listen string, handlers ...any) (path string, err error) {
	encode := object{"handler": "encode", "encodings": object{"gzip": object{}, "zstd": object{}}, "minimum_length": 1024}
	config := object{
		"admin":   object{"disabled": true, "config": object{"persist": false}},
		"logging": object{"logs": object{"default": object{"level": "ERROR"}}},
		"storage": object{"module": "file_system", "root": dir},
		"apps": object{"http": object{"servers": object{"door": object{
			"listen": []any{listen}, "protocols": []any{"h1"}, "automatic_https": object{"disable": true},
			"routes": []any{object{"match": []any{object{"path": []any{"/*"}}}, "handle": append([]any{encode}, handlers...)}},
		}}}},
	}
	text, err := json.Marshal(config)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, name+".json")
	return path, os.WriteFile(path, text, 0o600)
}

func startBare(ctx context.Context, dir string, port int) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	path, err := caddy(dir, "bare", "fd/3",
		object{"handler": "headers", "response": object{"deferred": true, "set": object{"X-Content-Type-Options": []any{"nosniff"}, "Referrer-Policy": []any{"same-origin"}}}},
		object{"handler": "rewrite", "strip_path_prefix": "/ext/notes"},
		object{"handler": "reverse_proxy", "upstreams": []any{object{"dial": "127.0.0.1:" + strconv.Itoa(port)}}},
	)
	if err != nil {
		return nil, err
	}
	return start(ctx, filepath.Join(dir, "bare"), path, "http://"+l.Addr().String()+"/ext/notes/x", "a=1", f)
}

// startEdge plays the house: it streams one table and says yes to every session.
func startEdge(ctx context.Context, dir string, port int) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "router")
	lines, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	go serveLines(lines, router.Table{
		Revision: 1, House: filepath.Join(dir, "house"),
		Hub:        router.Origin{URL: "http://127.0.0.1:1", Cookie: "holdfast_session"},
		Extensions: router.Origin{URL: "http://" + l.Addr().String(), Cookie: "holdfast_extension"},
		Mounts:     []router.Mount{{Path: "/ext/notes/", Unit: "notes", Port: port, StripPrefix: true, OwnOrigin: true}},
	})
	path, err := caddy(dir, "edge", "fd/3", object{"handler": "holdfast_router", "socket": socket})
	if err != nil {
		return nil, err
	}
	return start(ctx, filepath.Join(dir, "edge"), path, "http://"+l.Addr().String()+"/ext/notes/x", "a=1; holdfast_extension=token", f)
}

func serveLines(l net.Listener, t router.Table) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		out := json.NewEncoder(conn)
		_ = out.Encode(router.Order{Table: &t})
		for in := bufio.NewScanner(conn); in.Scan(); {
			var word router.Word
			if json.Unmarshal(in.Bytes(), &word) == nil && word.Ask != nil {
				_ = out.Encode(router.Order{Answer: &router.Answer{ID: word.Ask.ID, OK: true, Session: "s", User: "ada", Tier: "operator"}})
			}
		}
	}
}
