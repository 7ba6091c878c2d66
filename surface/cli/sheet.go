// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A column of a sheet. Columns that do not fit are left out, those with the highest spare first.
type column struct {
	head  string
	right bool
	spare int
}

// A sheet is a table of texts with columns on the left or right edge.
type sheet struct {
	columns []column
	rows    [][]string
	// gives is the column that is cut when leaving out others is not enough.
	gives int
}

const gap = 2

// lines draws the sheet, the head first, no wider than width; 0 is no limit.
func (s sheet) lines(t Terminal, width int) []string {
	shown, widths := s.fit(width)
	head := make([]string, len(s.columns))
	for i, c := range s.columns {
		head[i] = c.head
	}
	out := []string{paint(t, dim, s.line(head, shown, widths, nil))}
	for _, row := range s.rows {
		out = append(out, s.line(row, shown, widths, func(text string) string { return paintState(t, text) }))
	}
	return out
}

func (s sheet) line(row []string, shown []int, widths []int, painted func(string) string) string {
	cells := make([]string, 0, len(shown))
	for _, i := range shown {
		text := clip(row[i], widths[i])
		space := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(text)))
		if painted != nil {
			text = painted(text)
		}
		if s.columns[i].right {
			cells = append(cells, space+text)
		} else {
			cells = append(cells, text+space)
		}
	}
	return strings.TrimRight(strings.Join(cells, strings.Repeat(" ", gap)), " ")
}

// fit chooses the columns and their widths.
func (s sheet) fit(width int) (shown, widths []int) {
	widths = make([]int, len(s.columns))
	for i, c := range s.columns {
		widths[i] = utf8.RuneCountInString(c.head)
		for _, row := range s.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		shown = append(shown, i)
	}
	if width <= 0 {
		return shown, widths
	}
	sum := func() int {
		n := gap * (len(shown) - 1)
		for _, i := range shown {
			n += widths[i]
		}
		return n
	}
	for sum() > width && len(shown) > 1 {
		least := s.dispensable(shown)
		if least < 0 {
			break
		}
		shown = append(shown[:least:least], shown[least+1:]...)
	}
	if over := sum() - width; over > 0 {
		widths[s.gives] = max(1, widths[s.gives]-over)
	}
	return shown, widths
}

// dispensable is the place of the column to leave out next, -1 when all are needed.
func (s sheet) dispensable(shown []int) int {
	at := -1
	for place, i := range shown {
		if spare := s.columns[i].spare; spare > 0 && (at < 0 || spare >= s.columns[shown[at]].spare) {
			at = place
		}
	}
	return at
}

// harmless makes a text fit for a terminal: what would move the cursor, hide or turn text is drawn
// as a sign. Colours stay when kept, and end with the text.
func harmless(text string, colours bool) string {
	var out strings.Builder
	coloured := false
	for i := 0; i < len(text); {
		if n := colour(text[i:]); n > 0 {
			if colours {
				out.WriteString(text[i : i+n])
				coloured = true
			}
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case r == '\t':
			out.WriteRune(r)
		case r < 0x20:
			out.WriteRune(0x2400 + r)
		case r == 0x7f:
			out.WriteRune('␡')
		case unicode.IsControl(r), unicode.In(r, unicode.Bidi_Control), r == utf8.RuneError && size == 1:
			out.WriteRune('�')
		default:
			out.WriteRune(r)
		}
	}
	if coloured {
		out.WriteString("\x1b[0m")
	}
	return out.String()
}

// colour is the length of the sequence that sets a colour at the beginning of text, 0 when none does.
func colour(text string) int {
	rest, ok := strings.CutPrefix(text, "\x1b[")
	if !ok {
		return 0
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r != ';' && r != ':' && (r < '0' || r > '9') })
	if end < 0 || rest[end] != 'm' {
		return 0
	}
	return len("\x1b[") + end + 1
}
