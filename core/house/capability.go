// SPDX-License-Identifier: Apache-2.0

// Package house defines what a capability contributes to the house, and runs them: ordered start
// with reasons, reverse stop, first failure ends the process.
//
// It is not for wiring, which app does, nor for what any capability does. Wings build
// Capabilities; app and the surfaces read them.
package house

import (
	"context"
	"io/fs"
	"net/http"

	"holdfast"
	"holdfast/core/operation"
)

// A Capability is everything one package contributes to the house. All fields but Name are optional.
type Capability struct {
	Name string
	// Config points to the capability's section of holdfast.yaml, filled with its defaults: it is
	// decoded, checked, and documented from its field comments. A section that implements
	// interface{ Check() []holdfast.Problem } is checked after decoding.
	Config any
	// Section is the key in holdfast.yaml, Name when empty.
	Section string
	// Migrations are goose SQL files, numbered within the package; the folder names the version table.
	Migrations fs.FS
	Actions    []holdfast.Action
	Streams    []holdfast.Stream
	Guards     []holdfast.Guard
	Checks     []holdfast.Check
	Alerts     []holdfast.AlertRule
	Operations []operation.Kind
	Routes     []Route
	Keep       []Keep
	Report     func(context.Context) (holdfast.Report, error)
	// Start makes the capability ready; those after it in the wiring may then use it. It returns
	// soon, and undoes its own half when it fails.
	Start func(context.Context) error
	// Run is the capability's life until ctx ends; nil: no life of its own. An error ends the house.
	Run func(context.Context) error
	// Stop releases what Start took, in reverse order of the wiring.
	Stop func(context.Context) error
	// Reason says, for the start-up trace, why the capability stands where it stands in the order.
	Reason string
}

// An Auth is how a route of the data plane knows its caller.
type Auth string

// The ways of authentication that a route declares.
const (
	AuthPublic  Auth = "public"         // nobody is asked
	AuthKey     Auth = "key"            // bearer key
	AuthSession Auth = "session"        // session cookie or supervisor token
	AuthEither  Auth = "key or session" // whichever is there
	AuthMCP     Auth = "mcp"            // bearer key, or an access token for this endpoint; refusals say where to get one
	AuthOwn     Auth = "own"            // the handler checks (a signature, a login form)
	AuthPeer    Auth = "peer"           // the process at the other end of the control socket, and only there
)

// A Route is one entry of the data plane: what clients stream through the house. The caller is in
// the request's context (holdfast.CallerFrom) when the handler runs.
type Route struct {
	// Pattern is net/http's: "POST /v1/chat/completions", "/auth/".
	Pattern string
	Auth    Auth
	Summary string
	// Loopback also mounts the route on the bearer-key TCP listener.
	Loopback bool
	// Bearer knows who bears a key that opens this route alone; nil where there are none such.
	Bearer  func(r *http.Request, token string) (holdfast.Caller, bool)
	Handler http.Handler
}

// Keep names what a backup must contain, by path in the home ("agents/*/memory.db").
type Keep struct {
	Name     string
	Patterns []string
	Secret   bool // only encrypted
}
