// SPDX-License-Identifier: Apache-2.0

package grant

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

func TestPublicAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1": false, "::1": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "::": false, "fd00::1": false, "fe80::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false,
		"64:ff9b::a00:1": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false, "2002:7f00:1::": false,
		"8.8.8.8": true, "2606:4700::1111": true,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// What a server outside names as its authorization server may not be inside the network.
func TestAServerOutsideLeadsNobodyInside(t *testing.T) {
	var reached atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer inside.Close()
	client, err := guarded(t.Context(), "https://8.8.8.8/mcp")
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
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	if n := reached.Load(); n > 0 {
		t.Errorf("it was reached %d times", n)
	}
}
