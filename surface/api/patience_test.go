// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is a connection as the server sees it, whose client does what the test says.
func pipe(span time.Duration) (server, client net.Conn) {
	server, client = net.Pipe()
	return &patientConn{Conn: server, span: span}, client
}

// TestAClientThatStopsReadingIsHungUpOn, however much it was sent; one that takes a piece now and then
// is not.
func TestAClientThatStopsReadingIsHungUpOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, client := pipe(time.Minute)
		began := time.Now()
		n, err := server.Write(make([]byte, 1<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || n != 0 || time.Since(began) != time.Minute {
			t.Errorf("%d bytes are written, %v, after %s", n, err, time.Since(began))
		}
		_ = client.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		server, client := pipe(time.Minute)
		go func() {
			tick := time.NewTicker(45 * time.Second)
			defer tick.Stop()
			for range 20 {
				<-tick.C
				if _, err := io.ReadFull(client, make([]byte, mostPiece)); err != nil {
					t.Errorf("the client reads: %v", err)
				}
			}
		}()
		if n, err := server.Write(make([]byte, 20*mostPiece)); n != 20*mostPiece || err != nil {
			t.Errorf("%d bytes are written, %v", n, err)
		}
	})
}

// TestAnothersDeadlineCounts: what a handler sets is not moved on, until it is taken back.
func TestAnothersDeadlineCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, client := pipe(time.Minute)
		began := time.Now()
		if err := server.SetWriteDeadline(began.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if err := server.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute+time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		_ = client.Close()
	})
}

// TestAPlainAnswerNobodyReads frees its handler, and its connection ends.
func TestAPlainAnswerNobodyReads(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := w.Write(make([]byte, 64<<20)) // more than every buffer on the way
		<-r.Context().Done()
		gone <- err
	}))
	_ = server.Listener.Close()
	server.Listener = patient{l, 200 * time.Millisecond}
	server.Start()
	defer server.Close()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-gone:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the write ends in %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the answer is still being written")
	}
}

// TestIdleAndSlowClients: a connection with nothing on it is closed, and so is one whose head drips.
func TestIdleAndSlowClients(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]string{"idle": "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "a slow head": "GET / HTT"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &Front{Settings: Defaults()}
			f.Settings.Idle = leastPatience / 5
			server := &http.Server{Handler: http.NotFoundHandler()}
			f.bound(server)
			server.ReadHeaderTimeout = min(server.ReadHeaderTimeout, 200*time.Millisecond)
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _ = server.Serve(f.toClients(controlSocket+1, l)) }()
			defer func() { _ = server.Shutdown(context.WithoutCancel(t.Context())) }()
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.WriteString(conn, said); err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(bufio.NewReader(conn))
			if err != nil || strings.Contains(string(text), "404") != (name == "idle") {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

// TestWhoSendsTooMuchIsToldWhy: the end of the answer comes before the connection breaks, as of any server.
func TestWhoSendsTooMuchIsToldWhy(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	server, err := patient{l, time.Minute}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	if _, err := io.WriteString(server, "too much"); err != nil {
		t.Fatal(err)
	}
	half, ok := server.(interface{ CloseWrite() error })
	if !ok {
		t.Fatal("the server cannot end its answer alone")
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); string(got) != "too much" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := io.WriteString(conn, "still sending"); err != nil {
		t.Error(err)
	}
}
