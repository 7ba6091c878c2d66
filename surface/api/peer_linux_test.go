// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"net"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/surface/api"
)

// dialAs connects as another user: on Linux the user is a thread's own, and the thread ends here.
func dialAs(t *testing.T, address string, uid int) net.Conn {
	t.Helper()
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		if _, _, failed := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); failed != 0 {
			done <- result{nil, failed}
			return
		}
		conn, err := new(net.Dialer).DialContext(t.Context(), "unix", address)
		done <- result{conn, err}
	}()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(func() { _ = r.conn.Close() })
	return r.conn
}

func TestOnlyTheHousesUserIsItsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can connect as another user")
	}
	address := "@" + t.TempDir() // abstract, so that no folder's mode stands in the way
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for uid, want := range map[int]holdfast.Caller{0: api.Terminal(), 65534: holdfast.Nobody("cli")} {
		dialAs(t, address, uid)
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if got := api.CallerOf(conn); got.Tier != want.Tier || got.Kind != want.Kind {
			t.Errorf("uid %d is %s of tier %s; want %s of %s", uid, got, got.Tier, want, want.Tier)
		}
	}
}
