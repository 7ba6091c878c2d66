// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// sendWithin bounds a message: a service manager that reads nothing must not hold up the house.
const sendWithin = time.Second

// A Line is the datagram socket on which the service manager listens. A nil Line says nothing.
type Line struct{ conn *net.UnixConn }

// Open finds the service manager by NOTIFY_SOCKET; nil without one. A name that begins with @ is
// an abstract socket.
func Open(getenv func(string) string) (*Line, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("cannot notify the service manager at NOTIFY_SOCKET=%s: want a path or an abstract name", name)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("cannot reach the service manager at NOTIFY_SOCKET=%s: %w", name, err)
	}
	return &Line{conn}, nil
}

// Send sends assignments as one message.
func (l *Line) Send(states ...string) error {
	if l == nil {
		return nil
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(sendWithin)); err != nil {
		return fmt.Errorf("cannot notify the service manager: %w", err)
	}
	if _, err := l.conn.Write([]byte(strings.Join(states, "\n"))); err != nil {
		return fmt.Errorf("cannot notify the service manager: %w", err)
	}
	return nil
}

// Close lets the socket go.
func (l *Line) Close() error {
	if l == nil {
		return nil
	}
	return l.conn.Close()
}

// TellKept says of a run that ends at once, because `down` stands, that it did what it was to do:
// else systemd would count it as failed. Of one message only the last state counts, so it takes two.
func TellKept(getenv func(string) string, why string) error {
	line, err := Open(getenv)
	if err != nil {
		return err
	}
	return errors.Join(line.Send("READY=1", "STATUS="+why), line.Send("STOPPING=1"), line.Close())
}

// watchdog is how often the service manager wants a sign of life; 0 for never. WATCHDOG_PID names
// whom it means; a process started by the house inherits the variables and is not meant.
func watchdog(getenv func(string) string) time.Duration {
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 || usec > int64(24*time.Hour/time.Microsecond) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond
}

// ServiceVariable is set by the service files that Holdfast writes, to the name of the manager.
const ServiceVariable = "HOLDFAST_SERVICE"

// Keeper names the service manager that restarts this process when it dies, empty for none. Only
// what the service files set counts: a shell inside a service inherits INVOCATION_ID as well.
func Keeper(getenv func(string) string) string {
	switch name := getenv(ServiceVariable); name {
	case "systemd", "launchd":
		return name
	}
	if getenv("NOTIFY_SOCKET") != "" {
		return "systemd"
	}
	return ""
}
