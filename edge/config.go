// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"holdfast"
)

// Settings are the section edge of holdfast.yaml.
type Settings struct {
	// Mode is how the front door is reached. This version knows local: plain http on a loopback
	// address of this machine.
	Mode string `yaml:"mode" json:"mode"`
	// Listen is the loopback address of the Hub. When its port is taken the next free one is used,
	// and the same one again at the next start; the pages of extensions get a port of their own
	// after it. Status shows both.
	Listen string `yaml:"listen" json:"listen"`
	// Domain is the public name of the front door; mode local has none.
	Domain string `yaml:"domain" json:"domain"`
}

// Defaults are the settings of a home that says nothing.
func Defaults() Settings { return Settings{Mode: "local", Listen: "127.0.0.1:8443"} }

// later lists the modes that are named by the manual and are not in this version.
func laterModes() []string {
	return []string{"custom_domain", "nip_io", "ngrok", "tailscale", "behind_proxy"}
}

// Check refuses what this version cannot do, and addresses that others could reach.
func (s *Settings) Check() []holdfast.Problem {
	var problems []holdfast.Problem
	switch {
	case s.Mode == "local":
	case slices.Contains(laterModes(), s.Mode):
		problems = append(problems, holdfast.Problem{Field: "mode", Message: fmt.Sprintf("%s is not in this version", s.Mode), Remedy: "want local"})
	default:
		problems = append(problems, holdfast.Problem{Field: "mode", Message: fmt.Sprintf("%q is not a mode", s.Mode), Remedy: "want local"})
	}
	if s.Domain != "" && s.Mode == "local" {
		problems = append(problems, holdfast.Problem{Field: "domain", Message: "mode local has no domain", Remedy: "leave it empty"})
	}
	if message := checkListen(s.Listen); message != "" {
		problems = append(problems, holdfast.Problem{Field: "listen", Message: message, Remedy: "want an address like 127.0.0.1:8443"})
	}
	return problems
}

func checkListen(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return strings.TrimPrefix(err.Error(), "address "+address+": ")
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Sprintf("%q is not a loopback address, and mode local is reached from this machine only", host)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Sprintf("%q is not a port", port)
	}
	return ""
}
