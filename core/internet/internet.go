// SPDX-License-Identifier: Apache-2.0

// Package internet tells the addresses of strangers from those of this machine, of networks of one's own,
// and of special use.
//
// It is for requests that go where a stranger's word leads: they may reach public addresses only. It is
// not for finding the addresses of a name, nor for dialling: who does must judge the very address that
// is dialled. It guarantees that an address inside another one, as of IPv4 in IPv6, is none of the
// public. Callers: edge/oauth, agent/remote/grant.
package internet

import (
	"net/netip"
	"strings"
)

// special lists the address blocks that are of no use to the public, after the registries for
// special-purpose addresses of IPv4 and IPv6. Those that carry an IPv4 address inside count too.
const special = `0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
224.0.0.0/4 240.0.0.0/4 2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20`

// global is what IPv6 has given out to the public.
const global = "2000::/3"

// Public tells whether an address can be a stranger's, and nothing of this machine or its network.
func Public(ip netip.Addr) bool {
	if ip.Zone() != "" {
		return false
	}
	ip = ip.Unmap()
	if ip.Is6() && !netip.MustParsePrefix(global).Contains(ip) {
		return false
	}
	for block := range strings.FieldsSeq(special) {
		if netip.MustParsePrefix(block).Contains(ip) {
			return false
		}
	}
	return true
}
