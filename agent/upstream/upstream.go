// SPDX-License-Identifier: Apache-2.0

// Package upstream keeps one MCP server that the house is a client of: a process that speaks over
// stdio, or a remote server.
//
// It is for the server's whole life: launch or dial, health, backoff, rest while nobody calls, and
// the end of the whole process tree; and for calls in both eras of the protocol, with what a server
// says or asks while a call lasts. It is not for choosing, naming or judging tools (agent/tools) nor
// for serving them to others (agent/mcp). It guarantees that a server of one era has one process
// whatever the clients speak, that a crashed one comes back while calls in flight get a clear error,
// that no answer is larger than 16 MiB, and that nothing outlives Run. agent/tools makes the servers;
// calls come from there.
package upstream

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/core/process"
)

// A Declaration says what the server is: exactly one of Stdio and Remote is set.
type Declaration struct {
	// Name is unique among the servers of a house.
	Name   string
	Stdio  *holdfast.ToolServer
	Remote *Remote
}

// A Remote is a server that is reached by HTTP. Two of the same content are the same server.
type Remote struct {
	URL string
	// Legacy is a server of the older HTTP+SSE transport. A server that refuses the newer is tried by
	// the older besides.
	Legacy bool
	// Header is sent with each request; a value of the form ${NAME} is a key of .env.
	Header map[string]string
	// Key names the key of .env that is sent as a bearer token; empty for none.
	Key string
	// Auth authorizes requests by OAuth; nil for none.
	Auth auth.OAuthHandler
}

// Needs is what a server is made of.
type Needs struct {
	Settings func() Settings
	// Processes starts the processes, of which House is the mark and Helper the program that confines them.
	Processes process.Host
	House     string
	Helper    string
	// Python is the folder of the Python host, Home the folder that sandboxes hide, EnvFile the path of .env.
	Python, Home, EnvFile string
	// LogFile is where a process's standard error goes.
	LogFile string
	// Secret gives a key of .env to the processes that name it.
	Secret func(name string) (holdfast.Secret, bool)
	// Changed is called when the offer or the state changed, Updated when a resource did.
	Changed func()
	Updated func(uri string)
	// Begins is called before each start of the process whose lists count; what it answers is told each
	// offer of that process, and why there is none when it failed. It may be nil.
	Begins func() (told func(Offer, error))
	// Elsewhere is called when a remote server would lead the house to a place that was not added; it
	// may be nil.
	Elsewhere func(place string)
	Log       *slog.Logger
}

// Settings may change while the server runs, except Parallel, which Restart takes up.
type Settings struct {
	// StartWithin is how long a server may take until it has answered initialize and its lists.
	StartWithin time.Duration
	// Idle is after how long without a call a process is stopped; 0 keeps it. A session with a remote
	// server costs nothing and is kept.
	Idle time.Duration
	// Parallel is how many calls the server answers at the same time; others wait.
	Parallel int
	// Call is the longest that a call may take; 0 means a minute. A process that for half as long again
	// reads nothing of what waits for it is ended and started anew; so is one that for so long says nothing
	// when it is asked after a call of ErrTimeout during which nothing came from it.
	Call time.Duration
	// Probe is how often a remote server is asked whether it still answers; 0 means a minute.
	Probe time.Duration
}

// An Offer is what a server last said it has. It outlives the process, so that a resting server's
// tools stay in the catalogue, and may be kept as JSON for a later house. It is not changed once it
// was answered.
type Offer struct {
	Tools     []*mcp.Tool
	Prompts   []*mcp.Prompt
	Resources []*mcp.Resource
	Templates []*mcp.ResourceTemplate
	// Completion, Logging and Subscribe are what it can do besides.
	Completion, Logging, Subscribe bool
	Instructions, Version          string
	Problems                       []Problem
}

// A Problem is a part of what a server offers that could not be used.
type Problem struct {
	Part      string `json:"part"`
	Error     string `json:"error"`
	Traceback string `json:"traceback,omitempty"`
}

// A Request is a call of a tool, a prompt to be filled in, or a resource to be read, whose URI is the
// name. Responses and State are of a retry after the server asked for input.
type Request struct {
	Name      string
	Arguments json.RawMessage
	Responses mcp.InputResponseMap
	State     string
	Meta      mcp.Meta
	// Still is asked once the server serves, before the request is sent, and refuses it by an error: the
	// server may have woken for it and offer something else than was known. It may be nil.
	Still func() error
}

// An Era is one of the two ways in which MCP is spoken.
type Era string

// Modern is the protocol of 2026-07-28, without sessions, in which a server asks by an answer that
// wants a retry; Legacy is what came before, with initialize, in which a server asks by requests of
// its own.
const (
	Modern Era = "modern"
	Legacy Era = "legacy"
)

// firstModern is the oldest version of the modern era.
const firstModern = "2026-07-28"

func eraOf(version string) Era {
	if version >= firstModern {
		return Modern
	}
	return Legacy
}

// A Peer is who called, for what a server says and asks while the call lasts.
type Peer interface {
	Progress(*mcp.ProgressNotificationParams)
	Log(*mcp.LoggingMessageParams)
	Ask(context.Context, mcp.InputRequest) (mcp.InputResponse, error)
	Era() Era
	Capabilities() *mcp.ClientCapabilities
}

type peerKey struct{}

// WithPeer makes a peer known to the calls under a context.
func WithPeer(ctx context.Context, p Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

// PeerFrom is the peer of a context, nil when there is nobody to ask.
func PeerFrom(ctx context.Context) Peer {
	p, _ := ctx.Value(peerKey{}).(Peer)
	return p
}

// A Status is how a server stands.
type Status struct {
	Name     string
	State    State
	Since    time.Time
	Retry    time.Time // of the next attempt, when it waits for one
	Starts   int
	Failures int // in a row
	Calls    int // under way
	Error    string
	Version  string
	Running  []Running
}

// Running is one session with a server. PID is 0 for a remote one.
type Running struct {
	Era Era `json:"era"`
	PID int `json:"pid,omitempty"`
}
