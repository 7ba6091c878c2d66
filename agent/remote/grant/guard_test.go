// SPDX-License-Identifier: Apache-2.0

package grant

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// What leads inside is refused however it is written.
func TestOutsideIsPublicAddressesOnly(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:443": false, "[::ffff:10.0.0.1]:443": false, "[fec0::1]:443": false, "[2001:0:1::]:443": false, "[100::1]:443": false,
		"8.8.8.8:443": true, "[2606:4700::1111]:443": true,
	} {
		if err := outside(address); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// What a server outside names as its authorization server may not be inside the network.
func TestAServerOutsideLeadsNobodyInside(t *testing.T) {
	var reached atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer inside.Close()
	// A public name counts as outside wherever its owner leads it, as to this machine.
	for _, server := range []string{"https://8.8.8.8/mcp", "https://mcp.example.com/mcp", "http://mcp.example.com/mcp"} {
		client, err := guarded(server)
		if err != nil {
			t.Fatal(err)
		}
		for address, want := range map[string]string{
			inside.URL: "want https", strings.Replace(inside.URL, "http:", "https:", 1): "inside the network",
			"https://169.254.169.254/latest/meta-data": "inside the network",
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(r)
			if err == nil {
				_ = answer.Body.Close()
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s by %s: %v, want %q", address, server, err, want)
			}
		}
	}
	if n := reached.Load(); n > 0 {
		t.Errorf("it was reached %d times", n)
	}
}

func TestWhoIsInside(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "192.168.1.5": true, "localhost": true, "nas": true, "mcp.lan": true, "MCP.Local": true, "mcp.local.": true, "a.home.arpa": true,
		"8.8.8.8": false, "mcp.example.com": false, "localhost.example.com": false, "local.example": false,
	} {
		if got := inside(host); got != want {
			t.Errorf("%s: inside %v", host, got)
		}
	}
	for _, c := range []struct {
		server, host string
		want         bool
	}{
		{"mcp.corp.example.com", "mcp.corp.example.com", true},
		{"mcp.corp.example.com", "Login.Corp.Example.com", true},
		{"mcp.corp.example.com", "corp.example.com", true},
		{"mcp.corp.example.com", "www.example.com", false},
		{"evil.example", "a.evil.example", true},
		{"evil.example", "bank.example", false},
		{"evil.example", "127.0.0.1", false},
		{"8.8.8.8", "1.8.8.8", false},
		{"8.8.8.8", "8.8.8.8", true},
	} {
		if got := kin(c.server, c.host); got != c.want {
			t.Errorf("%s is of %s: %v", c.host, c.server, got)
		}
	}
}
