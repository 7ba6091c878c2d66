// SPDX-License-Identifier: Apache-2.0

package router

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A Table is all that the door must know: its two origins, the way to the house, and which path
// belongs to which extension. It is sent whole and replaced at once.
type Table struct {
	Revision uint64 `json:"revision"`
	// Hub is the origin of the house; Extensions that of what others wrote.
	Hub        Origin `json:"hub"`
	Extensions Origin `json:"extensions"`
	// House is the Unix socket on which the house serves the hub's origin.
	House string `json:"house"`
	// Open lists path prefixes of the house that a browser may visit without being sent to the login.
	Open   []string `json:"open"`
	Mounts []Mount  `json:"mounts"`
}

// An Origin is one of the two addresses that browsers know.
type Origin struct {
	// URL is scheme, host and port, as browsers write an Origin.
	URL string `json:"url"`
	// Hosts are further names under which the same door is reached, with their port.
	Hosts []string `json:"hosts,omitempty"`
	// Cookie is the name of the session cookie on this origin.
	Cookie string `json:"cookie"`
}

// A Mount is a path that a port on this machine serves; the fields are holdfast.Mount's. Port 0
// means that nothing serves it now, as when an extension is blocked.
type Mount struct {
	Path          string `json:"path"`
	Unit          string `json:"unit"`
	Port          int    `json:"port"`
	StripPrefix   bool   `json:"strip_prefix"`
	TrailingSlash bool   `json:"trailing_slash"`
	OwnOrigin     bool   `json:"own_origin"`
}

// bare tells whether path is the mount's without the slash that the mount wants.
func (m *Mount) bare(path string) bool {
	return m.TrailingSlash && len(path)+1 == len(m.Path)
}

// compiled is a table made ready for matching; it never changes.
type compiled struct {
	Table
	hub, extensions origin
	byHost          map[string]*origin
	byPath          map[string]*Mount
}

type origin struct {
	Origin
	host string
	tls  bool
}

func compile(t Table) (*compiled, error) {
	c := &compiled{Table: t, byHost: map[string]*origin{}, byPath: make(map[string]*Mount, len(t.Mounts))}
	if t.House == "" {
		return nil, errors.New("cannot use table: it names no house socket")
	}
	var err error
	if c.hub, err = c.addOrigin(t.Hub); err != nil {
		return nil, err
	}
	if c.extensions, err = c.addOrigin(t.Extensions); err != nil {
		return nil, err
	}
	if c.hub.host == c.extensions.host {
		return nil, errors.New("cannot use table: the extensions have no origin of their own")
	}
	c.indexHosts()
	for i := range t.Mounts {
		if err := c.addMount(&t.Mounts[i]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *compiled) addOrigin(o Origin) (origin, error) {
	u, err := url.Parse(o.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || o.URL != u.Scheme+"://"+u.Host {
		return origin{}, fmt.Errorf("cannot use table: %q is not an origin", o.URL)
	}
	if o.Cookie == "" {
		return origin{}, fmt.Errorf("cannot use table: the origin %s names no cookie", o.URL)
	}
	return origin{Origin: o, host: strings.ToLower(u.Host), tls: u.Scheme == "https"}, nil
}

func (c *compiled) indexHosts() {
	for _, o := range []*origin{&c.extensions, &c.hub} {
		for _, host := range o.Hosts {
			c.byHost[strings.ToLower(host)] = o
		}
	}
	c.byHost[c.extensions.host] = &c.extensions
	c.byHost[c.hub.host] = &c.hub
}

func (c *compiled) addMount(m *Mount) error {
	switch {
	case !strings.HasPrefix(m.Path, "/") || !strings.HasSuffix(m.Path, "/") || len(m.Path) < 3 || hasDots(m.Path):
		return fmt.Errorf("cannot use table: %q is not a path of whole segments", m.Path)
	case m.Port < 0 || m.Port > 65535:
		return fmt.Errorf("cannot use table: %s has port %d", m.Path, m.Port)
	case c.byPath[m.Path] != nil:
		return fmt.Errorf("cannot use table: %s is mounted twice", m.Path)
	}
	c.byPath[m.Path] = m
	return nil
}

// origin finds which of the two origins a Host header means, nil for neither.
func (c *compiled) origin(host string) *origin {
	if o := c.byHost[host]; o != nil {
		return o
	}
	return c.byHost[strings.ToLower(host)]
}

// match finds the mount whose path is the longest prefix, by whole segments.
func (c *compiled) match(path string) *Mount {
	if m := c.byPath[path+"/"]; m != nil {
		return m
	}
	for i := len(path) - 1; i > 0; i-- {
		if path[i] != '/' {
			continue
		}
		if m := c.byPath[path[:i+1]]; m != nil {
			return m
		}
	}
	return nil
}

// open tells whether the house's path may be visited without a session.
func (c *compiled) open(path string) bool {
	for _, prefix := range c.Open {
		if path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/") {
			return true
		}
	}
	return false
}

func hasDots(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// plainPath refuses the spellings in which two parsers see two different paths.
func plainPath(r *http.Request) bool {
	path := r.URL.Path
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\x00\r\n") || hasDots(path) {
		return false
	}
	if r.URL.RawPath == "" {
		return true
	}
	// An encoded slash is data of the upstream, but not in the two segments that tell mounts apart.
	raw := r.URL.EscapedPath()
	for range 2 {
		i := strings.IndexByte(raw[1:], '/')
		head := raw
		if i >= 0 {
			head = raw[:i+1]
		}
		if strings.Contains(strings.ToLower(head), "%2f") {
			return false
		}
		if i < 0 {
			return true
		}
		raw = raw[i+1:]
	}
	return true
}

func own(path string) bool { return strings.HasPrefix(path, reservedPaths) }

func withQuery(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}
