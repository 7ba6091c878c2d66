// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"strings"
)

// A Screen is a whole terminal that a view draws on, until it is closed.
type Screen interface {
	io.Writer
	// Size is how many columns and rows there are now.
	Size() (columns, rows int)
	// Keys gives what is typed, as the terminal sends it.
	Keys() <-chan []byte
	// Resized tells that the size has changed.
	Resized() <-chan struct{}
	// Close leaves the terminal as it was.
	Close() error
}

const (
	// enter takes the other page of the terminal and hides the cursor; leave gives both back.
	enter = "\x1b[?1049h\x1b[?25l\x1b[2J"
	leave = "\x1b[?25h\x1b[?1049l"
)

// paintFrame writes lines over what stands on the screen, without a flicker.
func paintFrame(s Screen, lines []string) error {
	_, err := io.WriteString(s, "\x1b[H"+strings.Join(lines, "\x1b[K\r\n")+"\x1b[K\x1b[J")
	return err
}

// keysOf takes what a terminal sends apart into keys: single characters, and up, down, pageup,
// pagedown, home, end and escape by name.
func keysOf(typed []byte) []string {
	named := []struct{ sent, name string }{
		{"\x1b[A", "up"},
		{"\x1bOA", "up"},
		{"\x1b[B", "down"},
		{"\x1bOB", "down"},
		{"\x1b[5~", "pageup"},
		{"\x1b[6~", "pagedown"},
		{"\x1b[H", "home"},
		{"\x1b[1~", "home"},
		{"\x1bOH", "home"},
		{"\x1b[F", "end"},
		{"\x1b[4~", "end"},
		{"\x1bOF", "end"},
		{"\x03", "interrupt"},
	}
	var keys []string
	text := string(typed)
next:
	for text != "" {
		for _, one := range named {
			if rest, ok := strings.CutPrefix(text, one.sent); ok {
				keys, text = append(keys, one.name), rest
				continue next
			}
		}
		if text[0] == '\x1b' {
			n := sequence(text)
			if n == 1 {
				keys = append(keys, "escape")
			}
			text = text[n:]
			continue
		}
		r := []rune(text)[0]
		keys, text = append(keys, string(r)), text[len(string(r)):]
	}
	return keys
}

// sequence is the length of an escape sequence that nobody here knows.
func sequence(text string) int {
	if len(text) < 2 || text[1] != '[' && text[1] != 'O' {
		return 1
	}
	for i := 2; i < len(text); i++ {
		if text[i] >= 0x40 && text[i] <= 0x7e {
			return i + 1
		}
	}
	return len(text)
}
