// SPDX-License-Identifier: Apache-2.0

package internet

import (
	"net/netip"
	"testing"
)

func TestPublic(t *testing.T) {
	for _, ip := range []string{
		"127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1",
		"198.18.0.1", "192.0.2.1", "203.0.113.5", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
		"::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:1::", "2001:db8::1", "fec0::1", "100::1", "fe80::1%eth0",
	} {
		if Public(netip.MustParseAddr(ip)) {
			t.Errorf("%s is taken for public", ip)
		}
	}
	for _, ip := range []string{"8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450::1"} {
		if !Public(netip.MustParseAddr(ip)) {
			t.Errorf("%s is not taken for public", ip)
		}
	}
}
