// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"holdfast/surface/cli"
)

// a screen is the terminal of this process, taken whole: what is typed arrives at once and unseen.
type screen struct {
	before  *term.State
	keys    chan []byte
	resized chan struct{}
	signals chan os.Signal
	closed  chan struct{}
}

func openScreen() (cli.Screen, error) {
	before, err := term.MakeRaw(int(os.Stdin.Fd()))
	if err != nil {
		return nil, fmt.Errorf("cannot take the terminal: %w", err)
	}
	s := &screen{before: before, keys: make(chan []byte), resized: make(chan struct{}, 1), signals: make(chan os.Signal, 1), closed: make(chan struct{})}
	signal.Notify(s.signals, syscall.SIGWINCH)
	go s.listen()
	go s.watch()
	return s, nil
}

// listen reads what is typed. A read that is left behind ends with the process.
func (s *screen) listen() {
	buffer := make([]byte, 256)
	for {
		n, err := os.Stdin.Read(buffer)
		if err != nil {
			return
		}
		select {
		case s.keys <- append([]byte(nil), buffer[:n]...):
		case <-s.closed:
			return
		}
	}
}

func (s *screen) watch() {
	for {
		select {
		case <-s.signals:
			select {
			case s.resized <- struct{}{}:
			default:
			}
		case <-s.closed:
			return
		}
	}
}

func (s *screen) Write(p []byte) (int, error) { return os.Stdout.Write(p) }

// Size is that of the terminal now, or a common one where it does not tell.
func (s *screen) Size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return 80, 24
	}
	return columns, rows
}

func (s *screen) Keys() <-chan []byte { return s.keys }

func (s *screen) Resized() <-chan struct{} { return s.resized }

func (s *screen) Close() error {
	signal.Stop(s.signals)
	close(s.closed)
	return term.Restore(int(os.Stdin.Fd()), s.before)
}
