// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/core/process"
)

// Settings are the section api of holdfast.yaml.
type Settings struct {
	// Listen is where programs on this machine reach the bearer-key routes (/v1, MCP). It must be a
	// loopback address; when the port is taken the next free one is used, and status shows it.
	Listen string `yaml:"listen" json:"listen"`
	// SlowClient is how long a client may leave a piece of its answer unread before it is hung up on.
	SlowClient config.Duration `yaml:"slow_client" json:"slow_client"`
	// Idle is how long a connection may stand open between two requests.
	Idle config.Duration `yaml:"idle" json:"idle"`
}

// Defaults is the section of a home that says nothing.
func Defaults() *Settings {
	return &Settings{Listen: "127.0.0.1:8444", SlowClient: config.Duration(2 * time.Minute), Idle: config.Duration(5 * time.Minute)}
}

// Check refuses an address that others could reach.
func (s Settings) Check() []holdfast.Problem {
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return []holdfast.Problem{{Field: "listen", Message: err.Error(), Remedy: "want an address like 127.0.0.1:8444"}}
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return []holdfast.Problem{{Field: "listen", Message: fmt.Sprintf("%q is not a loopback address", host), Remedy: "want 127.0.0.1 or [::1]; the front door is what others reach"}}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return []holdfast.Problem{{Field: "listen", Message: fmt.Sprintf("%q is not a port", port)}}
	}
	for field, span := range map[string]config.Duration{"slow_client": s.SlowClient, "idle": s.Idle} {
		if span < leastPatience {
			return []holdfast.Problem{{Field: field, Message: "is less than a second", Remedy: "for example 2m"}}
		}
	}
	return nil
}

// A Front serves the three listeners of a house.
type Front struct {
	Server   *Server
	Home     home.Home
	Settings *Settings
	// Journal notes that the listener had to move to another port.
	Journal interface {
		Append(context.Context, holdfast.Entry) (holdfast.Entry, error)
	}

	listeners []net.Listener
	address   string
}

// leastPatience is the least that clients are given.
const leastPatience = config.Duration(time.Second)

// tries bounds the search for the next free port.
const tries = 50

// URL is the base address of the bearer-key listener, empty before it listens.
func (f *Front) URL() string {
	if f.address == "" {
		return ""
	}
	return "http://" + f.address
}

// Capability listens on the control socket, the edge's socket and the loopback address.
func (f *Front) Capability() house.Capability {
	return house.Capability{
		Name: "api", Config: f.Settings, Start: f.listen, Run: f.serve,
		Stop:   func(context.Context) error { return f.close() },
		Reason: "every action can be asked for once all capabilities are ready",
	}
}

// sockets are the listeners that stand in the home, in the order of the servers.
func sockets() []string { return []string{"control", "edge"} }

// controlSocket is the place of the control socket among the listeners.
const controlSocket = 0

func (f *Front) listen(ctx context.Context) error {
	for _, name := range sockets() {
		l, err := f.Home.Listen(name)
		if err != nil {
			return errors.Join(err, f.close())
		}
		f.listeners = append(f.listeners, l)
	}
	l, err := ListenNext(ctx, f.Settings.Listen)
	if err != nil {
		return errors.Join(err, f.close())
	}
	f.listeners, f.address = append(f.listeners, l), l.Addr().String()
	if f.address == f.Settings.Listen || strings.HasSuffix(f.Settings.Listen, ":0") {
		return nil
	}
	f.Server.Log.Warn("the api listener took the next free port", slog.String("wanted", f.Settings.Listen), slog.String("got", f.address))
	moved, err := json.Marshal(map[string]string{"wanted": f.Settings.Listen, "got": f.address})
	if err != nil {
		return err
	}
	_, err = f.Journal.Append(ctx, holdfast.Entry{
		Caller: "house:api", Tier: holdfast.TierInternal, Action: "api.listen", Subject: f.address, Outcome: holdfast.OutcomeNoted, Detail: moved,
	})
	return err
}

// ListenNext listens on an address, or on the next free port after it.
func ListenNext(ctx context.Context, address string) (net.Listener, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	first, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	var last error
	for port := first; port < first+tries; port++ {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			return l, nil
		}
		last = err
	}
	return nil, fmt.Errorf("cannot listen on %s or on any of the %d ports after it: %w", address, tries-1, last)
}

func (f *Front) serve(ctx context.Context) error {
	servers := []*http.Server{
		{Handler: mayAskBypass(f.Server.Control()), ConnContext: f.peer},
		{Handler: f.Server.Door()},
		{Handler: f.Server.Loopback()},
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, server := range servers {
		f.bound(server)
		giveUp := givenUp(server)
		server.ErrorLog = slog.NewLogLogger(f.Server.Log.Handler(), slog.LevelDebug)
		group.Go(func() error {
			if err := server.Serve(f.toClients(i, f.listeners[i])); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("cannot serve %s: %w", f.listeners[i].Addr(), err)
			}
			return nil
		})
		group.Go(func() error { <-ctx.Done(); return drain(ctx, server, giveUp) })
	}
	group.Go(func() error { f.mend(ctx, servers); return nil })
	return group.Wait()
}

// bound says how long a client may take to say what it wants.
func (f *Front) bound(server *http.Server) {
	server.ReadHeaderTimeout = 10 * time.Second
	server.MaxHeaderBytes = 64 << 10
	server.IdleTimeout = f.Settings.Idle.Std()
}

// toClients is a listener that does not wait for ever until a client reads. Who is at the control
// socket is told by its connection, which stays as it is.
func (f *Front) toClients(i int, l net.Listener) net.Listener {
	if i == controlSocket {
		return l
	}
	return patient{l, f.Settings.SlowClient.Std()}
}

// mendEvery is how often the sockets are looked after.
const mendEvery = 2 * time.Second

// mend listens anew where somebody removed a socket's file: without it nobody reaches the house.
func (f *Front) mend(ctx context.Context, servers []*http.Server) {
	tick := time.NewTicker(mendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i, name := range sockets() {
			if _, err := os.Lstat(f.Home.Var("run", name+".sock")); !errors.Is(err, os.ErrNotExist) {
				continue
			}
			l, err := f.Home.Listen(name)
			if err != nil {
				f.Server.Log.Error("cannot make a socket anew that was removed", slog.String("socket", name), slog.Any("error", err))
				continue
			}
			f.Server.Log.Warn("a socket was removed, and is there again", slog.String("socket", name))
			go func() { _ = servers[i].Serve(f.toClients(i, l)) }() // it ends with its server
		}
	}
}

const (
	// underWay is how long requests may take to end by themselves when the house ends, and lastWords how
	// long those that did not may take to tell their clients so.
	underWay  = 2 * time.Second
	lastWords = time.Second
)

// givenUp lets what a server serves be given up with the reason why.
func givenUp(server *http.Server) (giveUp func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	return func() { cancel(holdfast.ErrEnding) }
}

// drain lets requests under way end, gives up what still streams after a moment, and cuts what does not
// take notice.
func drain(ctx context.Context, server *http.Server, giveUp func()) error {
	ctx = context.WithoutCancel(ctx)
	bounded, cancel := context.WithTimeout(ctx, underWay)
	defer cancel()
	defer giveUp()
	if server.Shutdown(bounded) == nil {
		return nil
	}
	giveUp()
	bounded, cancel = context.WithTimeout(ctx, lastWords)
	defer cancel()
	if server.Shutdown(bounded) != nil {
		return server.Close()
	}
	return nil
}

func (f *Front) close() error {
	var errs []error
	for _, l := range f.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	f.listeners = nil
	return errors.Join(errs...)
}

// peer knows the caller on the control socket by the process at its other end: what a unit started
// is an agent, whatever its uid; what cannot be read counts as such. The house's own user is the
// owner until an owner key is made.
func (f *Front) peer(ctx context.Context, conn net.Conn) context.Context {
	return holdfast.WithCaller(ctx, CallerOf(conn))
}

// CallerOf tells who is at the other end of a control connection. Only the user of the house, and
// root, are its owner: the folder keeps others out, and should its mode be widened they are nobody.
func CallerOf(conn net.Conn) holdfast.Caller {
	stranger := holdfast.Caller{Kind: holdfast.CallerAgent, Name: "unreadable", Tier: holdfast.TierTenantPeer, Surface: "cli"}
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return stranger
	}
	peer, err := process.PeerOf(socket)
	if err != nil {
		return stranger
	}
	if peer.Marked {
		stranger.Name, stranger.Unit = peer.Mark.Unit, peer.Mark.Unit
		return stranger
	}
	if peer.UID != os.Geteuid() && peer.UID != 0 {
		return holdfast.Nobody("cli")
	}
	return Terminal()
}

// Terminal is the person at this machine who owns the home.
func Terminal() holdfast.Caller {
	return holdfast.Caller{Kind: holdfast.CallerOwner, Name: "terminal", Tier: holdfast.TierOwner, Surface: "cli"}
}

// OwnCaller is this process as the control socket would see it; marked tells that a unit started it.
func OwnCaller() (caller holdfast.Caller, marked bool) {
	mark, marked := process.ParseMark(os.Getenv(process.MarkVariable))
	if !marked {
		mark, marked = process.MarkOf(os.Getppid())
	}
	if !marked {
		return Terminal(), false
	}
	return holdfast.Caller{Kind: holdfast.CallerAgent, Name: mark.Unit, Unit: mark.Unit, Tier: holdfast.TierTenantPeer, Surface: "cli"}, true
}
