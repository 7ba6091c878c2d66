// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"holdfast/core/home"
	"holdfast/gateway/telemetry/scan"
)

// A Line is what a coding agent shows at its prompt.
type Line struct {
	Text    string    `json:"text"`
	Model   string    `json:"model,omitempty"`
	Session int64     `json:"session" help:"tokens of this conversation"`
	Today   int64     `json:"today" help:"tokens of all calls since midnight"`
	USD     *float64  `json:"usd" help:"what today's calls cost; null while a price is unknown"`
	Hour    int64     `json:"hour" help:"tokens that coding agents burned in the last hour"`
	Block   time.Time `json:"block_ends,omitzero" help:"when Claude's block of five hours ends"`
	Halted  bool      `json:"halted,omitempty"`
	Updated time.Time `json:"updated,omitzero" help:"when the house last looked"`
}

// A prompt is what a coding agent hands to the program that prints its status line.
type prompt struct {
	SessionID  string `json:"session_id"`
	Transcript string `json:"transcript_path"`
	Model      struct {
		ID          string `json:"id"`
		DisplayName string `json:"display_name"`
	} `json:"model"`
	Cost struct {
		USD *float64 `json:"total_cost_usd"`
	} `json:"cost"`
	// Limits are what Claude Code knows of a subscription; others have none.
	Limits struct {
		FiveHour struct {
			Used   *float64 `json:"used_percentage"`
			Resets float64  `json:"resets_at"` // seconds since 1970
		} `json:"five_hour"`
	} `json:"rate_limits"`
}

// block is when the block of five hours ends that the agent itself tells of.
func (p prompt) block(now time.Time) (end time.Time, ok bool) {
	left := p.Limits.FiveHour.Resets - float64(now.Unix())
	if !(left > 0 && left <= (block+time.Hour).Seconds()) {
		return time.Time{}, false
	}
	return time.Unix(int64(p.Limits.FiveHour.Resets), 0).UTC(), true
}

const (
	maxPrompt = 1 << 20
	// A conversation whose log is larger is not read for one line.
	maxTranscript = 8 << 20
	stale         = 2 * time.Minute
	patience      = 200 * time.Millisecond
)

// Statusline prints the line to out. It reads the agent's JSON from in, which may be nil, and the
// files that the house keeps; it starts nothing and asks nobody, for it runs at every prompt.
func Statusline(place home.Home, in io.Reader, out io.Writer, now time.Time) error {
	var p prompt
	if in != nil {
		p = promptOf(in)
	}
	text := lineOf(place, p, now).Text
	if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && width > 0 {
		text = narrow(text, width)
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// separator stands between the parts of the line.
const separator = " · "

// narrow takes parts off the end of the line until it fits, and cuts the last one. Claude Code says
// how many columns there are.
func narrow(text string, width int) string {
	parts := strings.Split(text, separator)
	for len(parts) > 1 && utf8.RuneCountInString(strings.Join(parts, separator)) > width {
		parts = parts[:len(parts)-1]
	}
	runes := []rune(strings.Join(parts, separator))
	if len(runes) > width {
		runes = append(runes[:width-1], '…')
	}
	return string(runes)
}

// promptOf reads what the agent says of itself. What it does not say is not shown; an input that
// neither says anything nor ends is not waited for.
func promptOf(in io.Reader) prompt {
	said := make(chan prompt, 1)
	go func() {
		var p prompt
		_ = json.NewDecoder(io.LimitReader(in, maxPrompt)).Decode(&p)
		said <- p
	}()
	select {
	case p := <-said:
		return p
	case <-time.After(patience):
		return prompt{}
	}
}

func lineOf(place home.Home, p prompt, now time.Time) Line {
	b, err := readBoard(place.Var("telemetry", "board.json"))
	if err != nil {
		b = newBoard() // no house has looked yet
	}
	l := Line{Model: p.Model.DisplayName, Updated: b.Updated, Hour: b.hour(now)}
	if l.Model == "" {
		l.Model = p.Model.ID
	}
	fresh := now.Sub(b.Updated) < stale
	if s := b.Sessions[p.SessionID]; s != nil {
		l.Session = s.Tokens
		if l.Model == "" {
			l.Model = s.Model
		}
	}
	if !fresh {
		l.Session = max(l.Session, transcript(p.Transcript))
	}
	if now.Before(b.Before) {
		l.Today = b.Today.Tokens
		if b.Today.Unpriced == 0 {
			usd := float64(b.Today.Nano) / 1e9
			l.USD = &usd
		}
	}
	if end, ok := p.block(now); ok {
		l.Block = end
	} else if end, ok := b.blockEnd(now); ok {
		l.Block = end
	}
	if _, err := os.Stat(place.Var("breaker", "HALT_FLAG")); err == nil {
		l.Halted = true
	}
	l.Text = l.words(p, fresh, now)
	return l
}

func (l Line) words(p prompt, fresh bool, now time.Time) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if l.Halted {
		add("HALT")
	}
	if l.Model != "" {
		add("%s", l.Model)
	}
	session := "session " + short(l.Session)
	if p.Cost.USD != nil {
		session += fmt.Sprintf(" $%.2f", *p.Cost.USD)
	}
	if p.SessionID != "" || l.Session > 0 {
		add("%s", session)
	}
	today := "today " + short(l.Today)
	if l.USD != nil && *l.USD > 0 {
		today += fmt.Sprintf(" $%.2f", *l.USD)
	}
	add("%s", today)
	add("%s/h", short(l.Hour))
	if !l.Block.IsZero() {
		left := l.Block.Sub(now).Round(time.Minute)
		used := ""
		if u := p.Limits.FiveHour.Used; u != nil && *u >= 0 && *u <= 1000 {
			used = fmt.Sprintf("%.0f%%, ", *u)
		}
		add("block %s%dh%02dm left", used, int(left.Hours()), int(left.Minutes())%60)
	}
	switch {
	case l.Updated.IsZero():
		add("no house has looked yet")
	case !fresh:
		add("as of %s", l.Updated.Local().Format("15:04"))
	}
	return plainLine(strings.Join(parts, separator))
}

// transcript adds up one conversation's log.
func transcript(path string) (tokens int64) {
	info, err := os.Stat(path)
	if path == "" || err != nil || info.Size() > maxTranscript {
		return 0
	}
	records, err := scan.File(scan.Claude, path)
	if err != nil {
		return 0
	}
	for _, r := range records {
		tokens += r.Usage.Total()
	}
	return tokens
}

// short is a number of tokens in few letters.
func short(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1fG", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1fk", float64(n)/1e3)
	default:
		return fmt.Sprint(n)
	}
}

// plainLine takes out what would command a terminal: the model's name comes from outside.
func plainLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
}
