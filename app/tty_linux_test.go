// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
	"holdfast/holdfasttest/need"
)

// openTerminal opens a pseudoterminal that does not tell its size, as a serial line does not.
func openTerminal(t *testing.T) (host, terminal *os.File) {
	t.Helper()
	host, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		need.Missing(t, "there are no pseudoterminals: "+err.Error())
	}
	t.Cleanup(func() { _ = host.Close() })
	terminal, err = secondSide(host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return host, terminal
}

func TestATerminalWithoutASizeIsATerminal(t *testing.T) {
	_, terminal := openTerminal(t)
	if got := terminalOf(terminal, terminal, terminal); got.Width <= 0 || !got.Interactive {
		t.Errorf("taken for a file: width %d, interactive %t", got.Width, got.Interactive)
	}
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	if got := terminalOf(file, file, file); got.Width != 0 || got.Interactive || got.Color {
		t.Errorf("a file is taken for a terminal: %+v", got)
	}
}

func TestOnlyATerminalGetsALoginLink(t *testing.T) {
	h, err := New(home.At(t.TempDir()), &Options{})
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	h.loginLink = func(context.Context) (string, error) {
		made++
		return "http://127.0.0.1:1/auth/link?token=abc", nil
	}
	h.url = func() string { return "http://127.0.0.1:1" }
	var out bytes.Buffer
	if err := (greeting{h}).greet(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if made != 0 || strings.Contains(out.String(), "token=") || !strings.Contains(out.String(), "`holdfast link`") {
		t.Errorf("a log gets %q, %d links made", out.String(), made)
	}
	host, terminal := openTerminal(t)
	if err := (greeting{h}).greet(t.Context(), terminal); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 4096)
	n, err := host.Read(text)
	if err != nil || !strings.Contains(string(text[:n]), "token=abc") {
		t.Errorf("a terminal gets %q, %v", text[:n], err)
	}
}

// secondSide opens the side of a pseudoterminal that programs write to.
func secondSide(host *os.File) (*os.File, error) {
	if err := unix.IoctlSetPointerInt(int(host.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, err
	}
	number, err := unix.IoctlGetInt(int(host.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, err
	}
	return os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
}
