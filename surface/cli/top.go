// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// top shows what units use as it changes: on a whole terminal, or as one table after another where
// there is none.
func top() lens {
	return lens{
		name: "top", summary: "Watch what the units use, refreshed every two seconds",
		help: "Keys: c by CPU, m by memory, n by name, r by restarts, s trouble first, the same again turns the order; arrows and page keys scroll; q ends.\n" +
			"Into a pipe or a file it prints one table after another.",
		example: "holdfast top", follows: true, look: lookTop,
	}
}

func lookTop(ctx context.Context, t Terminal, caller Caller, action string, input json.RawMessage) error {
	if t.Screen == nil {
		return caller.Follow(ctx, action, input, usageEvents(t, input))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, ended := make(chan json.RawMessage), make(chan error, 1)
	go func() {
		// A crash here must not leave the terminal as it is now.
		defer func() {
			if r := recover(); r != nil {
				ended <- fmt.Errorf("cannot follow the units: %v", r)
			}
		}()
		ended <- caller.Follow(ctx, action, input, func(event json.RawMessage) error {
			select {
			case events <- slices.Clone(event):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	screen, err := t.Screen()
	if err != nil {
		return err
	}
	return errors.Join(drawTop(ctx, t, screen, events, ended), screen.Close())
}

// drawTop draws until q, an interrupt or the end of the stream.
func drawTop(ctx context.Context, t Terminal, screen Screen, events <-chan json.RawMessage, ended <-chan error) (err error) {
	if _, err := io.WriteString(screen, enter); err != nil {
		return err
	}
	defer func() {
		_, failed := io.WriteString(screen, leave)
		err = errors.Join(err, failed)
	}()
	s := &topState{by: 'c', down: true, past: map[string][]float64{}}
	for {
		columns, rows := screen.Size()
		if err := paintFrame(screen, s.frame(t, columns, rows)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			if ctx.Err() != nil {
				return nil
			}
			if err == nil {
				err = errors.New("the house has ended")
			}
			return err
		case event := <-events:
			if err := s.take(event); err != nil {
				return err
			}
		case typed := <-screen.Keys():
			for _, key := range keysOf(typed) {
				if s.press(key, rows) {
					return nil
				}
			}
		case <-screen.Resized():
		}
	}
}

// pastMost is how many measurements a unit's line of blocks shows.
const pastMost = 20

// topState is what is shown, and how.
type topState struct {
	last   usageAnswer
	by     rune // c, m, n, r or s
	down   bool
	offset int
	past   map[string][]float64
}

func (s *topState) take(event json.RawMessage) error {
	var u usageAnswer
	if err := json.Unmarshal(event, &u); err != nil {
		return fmt.Errorf("cannot read what the units use: %w", err)
	}
	s.last = u
	known := map[string]bool{}
	for _, one := range u.Units {
		known[one.Name] = true
		list := append(s.past[one.Name], one.CPU)
		s.past[one.Name] = list[max(0, len(list)-pastMost):]
	}
	for name := range s.past {
		if !known[name] {
			delete(s.past, name)
		}
	}
	return nil
}

// press takes a key and tells whether it ends the view.
func (s *topState) press(key string, rows int) (quit bool) {
	page := max(1, rows-frameRows)
	switch key {
	case "q", "interrupt", "escape":
		return true
	case "c", "m", "n", "r", "s":
		by := []rune(key)[0]
		if by == s.by {
			s.down = !s.down
		} else {
			s.by, s.down = by, by != 'n' && by != 's'
		}
		s.offset = 0
	case "up", "k":
		s.offset--
	case "down", "j":
		s.offset++
	case "pageup":
		s.offset -= page
	case "pagedown", " ":
		s.offset += page
	case "home", "g":
		s.offset = 0
	case "end", "G":
		s.offset = len(s.last.Units)
	}
	s.offset = max(0, min(s.offset, len(s.last.Units)-page))
	return false
}

// frameRows are the lines that stand around the units.
const frameRows = 4

// frame draws the whole screen: as many lines as there are rows, none wider than the columns.
func (s *topState) frame(t Terminal, columns, rows int) []string {
	if s.last.At.IsZero() {
		return []string{clip("waiting for the first figures…", columns)}
	}
	u := s.last
	u.Units = s.sorted()
	table := u.sheet()
	if columns >= 100 {
		table.columns = append(table.columns, column{head: "CPU BEFORE", spare: 7})
		for i, one := range u.Units {
			table.rows[i] = append(table.rows[i], blocks(s.past[one.Name]))
		}
	}
	lines := table.lines(t, columns)
	room := max(0, rows-frameRows)
	first := max(0, min(s.offset, len(u.Units)-room))
	last := min(len(u.Units), first+room)
	out := []string{
		paint(t, bold, clip(u.At.Local().Format("15:04:05")+"  "+u.sum(), columns)),
		clip(u.Note, columns),
		lines[0],
	}
	out = append(out, lines[1+first:1+last]...)
	for len(out) < rows-1 {
		out = append(out, "")
	}
	foot := "c CPU  m memory  n name  r restarts  s state  q quit; " + s.order()
	if len(u.Units) > room {
		foot = fmt.Sprintf("%d–%d of %d  ", first+1, last, len(u.Units)) + foot
	}
	return append(out[:max(0, min(len(out), rows-1))], paint(t, dim, clip(foot, columns)))
}

func (s *topState) order() string {
	words := map[rune]string{'c': "by CPU", 'm': "by memory", 'n': "by name", 'r': "by restarts", 's': "trouble first"}[s.by]
	if s.by == 'n' || s.by == 's' {
		return words + either(s.down, ", turned", "")
	}
	return words + either(s.down, "", ", least first")
}

func (s *topState) sorted() []unitUsage {
	units := slices.Clone(s.last.Units)
	slices.SortStableFunc(units, func(a, b unitUsage) int {
		order := 0
		switch s.by {
		case 'c':
			order = cmp.Compare(a.CPU, b.CPU)
		case 'm':
			order = cmp.Compare(a.Memory, b.Memory)
		case 'r':
			order = cmp.Compare(a.Restarts, b.Restarts)
		case 's':
			order = cmp.Compare(urgency(a.State), urgency(b.State))
		case 'n':
			order = cmp.Compare(a.Name, b.Name)
		}
		if s.down {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(a.Name, b.Name))
	})
	return units
}

// urgency ranks states: trouble, what is on its way, what is up, what stands still.
func urgency(state string) int {
	switch state {
	case "failed", "blocked", "unhealthy", "backing-off":
		return 0
	case "ready", "running":
		return 2
	case "held", "stopped":
		return 3
	}
	return 1
}

// blocks draws figures as a line of blocks; the highest fills one, but no less than a tenth of a core.
func blocks(values []float64) string {
	signs := []rune(" ▁▂▃▄▅▆▇█")
	most := max(0.1, slices.Max(append([]float64{0}, values...)))
	var b strings.Builder
	for _, v := range values {
		b.WriteRune(signs[int(max(0, min(1, v/most))*float64(len(signs)-1)+0.5)])
	}
	return b.String()
}
