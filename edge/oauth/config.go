// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/config"
)

// The ways in which a person proves who they are before they give a client access.
const (
	loginSession = "session"
	loginGitHub  = "github"
	loginOff     = "off"
)

// Settings are the section oauth of holdfast.yaml.
type Settings struct {
	// Login is how a person proves who they are before they give an MCP client access: session is
	// the Hub's own login. github wants MCP_GITHUB_CLIENT_ID and MCP_GITHUB_CLIENT_SECRET and is not
	// in this version: MCP by OAuth stays closed and says why. off closes it, and keys alone open MCP.
	Login string `yaml:"login" json:"login"`
	// Register lets clients that have no metadata document register themselves (RFC 7591). A
	// registration that nobody consents to is forgotten after a day.
	Register bool `yaml:"register" json:"register"`
	// Clients is how many clients may be registered at a time.
	Clients int `yaml:"clients" json:"clients"`
	// AccessFor is how long an access token is good.
	AccessFor config.Duration `yaml:"access_for" json:"access_for"`
	// IdleFor ends a grant whose client did not ask for a new access token for so long.
	IdleFor config.Duration `yaml:"idle_for" json:"idle_for"`
	// PrivateClients lists the hosts, as NAME:PORT, whose client metadata documents may be fetched
	// from an address of this machine or of a private network. No other may.
	PrivateClients []string `yaml:"private_clients" json:"private_clients"`
}

// Defaults are the settings of a home that says nothing.
func Defaults() Settings {
	return Settings{
		Login: loginSession, Register: true, Clients: 500,
		AccessFor: config.Duration(time.Hour), IdleFor: config.Duration(30 * 24 * time.Hour), PrivateClients: []string{},
	}
}

// Check refuses what is no login, and spans that make no sense.
func (s *Settings) Check() []holdfast.Problem {
	var problems []holdfast.Problem
	wrong := func(field, remedy, message string, args ...any) {
		problems = append(problems, holdfast.Problem{Field: field, Message: fmt.Sprintf(message, args...), Remedy: remedy})
	}
	if !slices.Contains([]string{loginSession, loginGitHub, loginOff}, s.Login) {
		wrong("login", "want session, github or off", "%q is no login", s.Login)
	}
	if s.Clients < 1 || s.Clients > 10_000 {
		wrong("clients", "want 1 to 10000", "%d is no number of clients", s.Clients)
	}
	if access := time.Duration(s.AccessFor); access < time.Minute || access > 24*time.Hour {
		wrong("access_for", "want 1m to 24h, for example 1h", "%s is too short or too long", access)
	}
	if idle := time.Duration(s.IdleFor); idle < time.Hour || idle > 366*24*time.Hour {
		wrong("idle_for", "want 1h to 8784h, for example 720h", "%s is too short or too long", idle)
	}
	for _, host := range s.PrivateClients {
		if name, port, err := net.SplitHostPort(host); err != nil || name == "" || port == "" || name != strings.ToLower(name) {
			wrong("private_clients", "want a host and port like clients.lan:443", "%q is no host and port", host)
		}
	}
	return problems
}
