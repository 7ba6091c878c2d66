// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net"
	"sync"
	"time"
)

// mostPiece is as much of an answer as a client must take within one span of patience.
const mostPiece = 128 << 10

// patient is a listener whose clients have so long to take each piece of what they asked for.
type patient struct {
	net.Listener
	span time.Duration
}

// Accept waits for the next connection.
func (l patient) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &patientConn{Conn: conn, span: l.span}, nil
}

// A patientConn gives up on a peer who stops reading: what is written into it blocks for the span at
// most. A deadline that somebody else sets counts instead, until it is taken back.
type patientConn struct {
	net.Conn
	span time.Duration

	mu    sync.Mutex
	until time.Time // the deadline that stands, where it is its own
	told  bool      // somebody else's stands
}

func (c *patientConn) Write(p []byte) (n int, err error) {
	for {
		piece := p[n:min(len(p), n+mostPiece)]
		c.renew(time.Now())
		written, err := c.Conn.Write(piece)
		if n += written; err != nil || n >= len(p) {
			return n, err
		}
	}
}

// renew moves the deadline on; not at every write, for it is worth as much when half of it is left.
func (c *patientConn) renew(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told || c.until.Sub(now) > c.span/2 {
		return
	}
	c.until = now.Add(c.span)
	_ = c.Conn.SetWriteDeadline(c.until) // of a connection that is closed; the write says so
}

func (c *patientConn) SetWriteDeadline(at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told, c.until = !at.IsZero(), time.Time{}
	return c.Conn.SetWriteDeadline(at)
}

// CloseWrite ends what is sent, as the server wants before it hangs up on a client who still sends.
func (c *patientConn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return nil // the server hangs up soon
	}
	return half.CloseWrite()
}

func (c *patientConn) SetDeadline(at time.Time) error {
	if err := c.SetReadDeadline(at); err != nil {
		return err
	}
	return c.SetWriteDeadline(at)
}
