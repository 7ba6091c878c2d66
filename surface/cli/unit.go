// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// unitAnswer is what unit.show and unit.list tell of a unit, as far as it is shown.
type unitAnswer struct {
	Name      string    `json:"name"`
	Owner     string    `json:"owner"`
	Kind      string    `json:"kind"`
	Worker    bool      `json:"worker"`
	State     string    `json:"state"`
	Detail    string    `json:"detail"`
	PID       int       `json:"pid"`
	Port      int       `json:"port"`
	Since     time.Time `json:"since"`
	Restarts  int       `json:"restarts"`
	LastCheck time.Time `json:"last_check"`
	Healthy   bool      `json:"healthy"`
	Run       []string  `json:"run"`
	Dir       string    `json:"dir"`
	User      string    `json:"user"`
	Secrets   []string  `json:"secrets"`
	Needs     []string  `json:"needs"`
	Restart   string    `json:"restart"`
	Launch    string    `json:"launch"`
	Log       string    `json:"log"`
	Lacks     []string  `json:"lacks"`
	Limits    *limits   `json:"limits"`
	Sandbox   *sandbox  `json:"sandbox"`
}

type limits struct {
	NoFile    uint64  `json:"nofile"`
	Memory    string  `json:"memory"`
	CPU       float64 `json:"cpu"`
	Processes int     `json:"processes"`
	Nice      int     `json:"nice"`
}

type sandbox struct {
	Read    []string `json:"read"`
	Write   []string `json:"write"`
	Network string   `json:"network"`
}

func printUnit(t Terminal, _, out json.RawMessage) error {
	var u unitAnswer
	if err := json.Unmarshal(out, &u); err != nil {
		return fmt.Errorf("cannot print the answer: %w", err)
	}
	head := []string{paint(t, bold, u.Name), paintState(t, u.State)}
	if !u.Since.IsZero() {
		head = append(head, "for "+lasted(time.Since(u.Since)))
	}
	if u.Detail != "" {
		head = append(head, harmless(u.Detail, false))
	}
	if _, err := fmt.Fprintln(t.Out, strings.Join(head, "  ")); err != nil {
		return err
	}
	return printLines(t, slices.DeleteFunc(u.lines(), func(line []string) bool { return line[1] == "" }))
}

// lines are names and values; an empty value is not shown.
func (u unitAnswer) lines() [][]string {
	return [][]string{
		{"owner", u.Owner},
		{"kind", either(u.Worker, "worker", strings.TrimPrefix(u.Kind, "process"))},
		{"pid", number(u.PID)},
		{"port", number(u.Port)},
		{"restarts", number(u.Restarts)},
		{"last check", u.check()},
		{"needs", strings.Join(u.Needs, ", ")},
		{"when it ends", either(u.Restart != "", "restart "+u.Restart, "")},
		{"run", harmless(strings.Join(quotedAll(u.Run), " "), false)},
		{"in", u.Dir},
		{"user", u.User},
		{"keys", strings.Join(u.Secrets, ", ")},
		{"limits", u.Limits.words()},
		{"sandbox", u.Sandbox.words()},
		{"not enforced here", strings.Join(u.Lacks, "\n")},
		{"launch", u.Launch},
		{"log", u.Log},
	}
}

func (u unitAnswer) check() string {
	if u.LastCheck.IsZero() {
		return ""
	}
	return lasted(time.Since(u.LastCheck)) + " ago, " + either(u.Healthy, "healthy", "not healthy")
}

func (l *limits) words() string {
	if l == nil {
		return ""
	}
	var words []string
	if l.Memory != "" && l.Memory != "0B" {
		words = append(words, l.Memory+" of memory")
	}
	if l.CPU > 0 {
		words = append(words, strconv.FormatFloat(l.CPU, 'f', -1, 64)+" cores")
	}
	if l.Processes > 0 {
		words = append(words, strconv.Itoa(l.Processes)+" processes")
	}
	if l.NoFile > 0 {
		words = append(words, strconv.FormatUint(l.NoFile, 10)+" open files each")
	}
	if l.Nice != 0 {
		words = append(words, "nice "+strconv.Itoa(l.Nice))
	}
	return strings.Join(words, ", ")
}

func (s *sandbox) words() string {
	if s == nil {
		return ""
	}
	words := []string{"no new privileges", "network " + either(s.Network == "off", "off", "on")}
	if len(s.Read) > 0 {
		words = append(words, "reads "+strings.Join(s.Read, ", "))
	}
	if len(s.Write) > 0 {
		words = append(words, "writes "+strings.Join(s.Write, ", "))
	}
	return strings.Join(words, "\n")
}

func either(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// quotedAll writes words as a shell would have to read them.
func quotedAll(words []string) []string {
	out := make([]string, 0, len(words))
	for _, word := range words {
		if word == "" || strings.ContainsAny(word, " \t\n'\"\\$`*?[]{}()<>|&;#~!") {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		out = append(out, word)
	}
	return out
}

func printHistory(t Terminal, _, out json.RawMessage) error {
	var answer struct {
		Unit    string `json:"unit"`
		Changes []struct {
			At      time.Time `json:"at"`
			To      string    `json:"to"`
			Detail  string    `json:"detail"`
			PID     int       `json:"pid"`
			Adopted bool      `json:"adopted"`
		} `json:"changes"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return fmt.Errorf("cannot print the answer: %w", err)
	}
	if len(answer.Changes) == 0 {
		_, err := fmt.Fprintln(t.Out, "no changes")
		return err
	}
	s := sheet{columns: []column{{head: "WHEN"}, {head: "STATE"}, {head: "FOR", right: true}, {head: "PID", right: true, spare: 1}, {head: "WHY"}}, gives: 4}
	for i, c := range answer.Changes {
		held := ""
		if i+1 == len(answer.Changes) {
			held = lasted(time.Since(c.At))
		} else {
			held = between(c.At, answer.Changes[i+1].At)
		}
		why := harmless(c.Detail, false)
		if c.Adopted {
			why = strings.TrimPrefix(why+"; adopted", "; ")
		}
		s.rows = append(s.rows, []string{
			c.At.Local().Format("2006-01-02 15:04:05.000"), c.To, held, number(c.PID), why,
		})
	}
	_, err := fmt.Fprintln(t.Out, strings.Join(s.lines(t, t.Width), "\n"))
	return err
}

// between words the span from one time to the next one; a clock that went back between them hides it.
func between(from, to time.Time) string {
	span := to.Sub(from)
	switch {
	case span < 0:
		return ""
	case span < time.Second:
		return strconv.FormatInt(span.Milliseconds(), 10) + "ms"
	}
	return lasted(span)
}

func unitGraph() lens {
	return lens{
		name: "graph", noun: true, summary: "Draw which unit needs which",
		help:    "A unit stands below what it needs and starts after it. One that needs several stands below each, and is drawn on only once.",
		example: "holdfast unit graph",
		look: func(ctx context.Context, t Terminal, caller Caller, action string, input json.RawMessage) error {
			out, err := caller.Dispatch(ctx, action, input, nil)
			if err != nil {
				return err
			}
			var answer struct {
				Units []unitAnswer `json:"units"`
			}
			if err := json.Unmarshal(out, &answer); err != nil {
				return fmt.Errorf("cannot print the answer: %w", err)
			}
			for _, line := range tree(t, answer.Units) {
				if _, err := fmt.Fprintln(t.Out, line); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// A grove draws units below what they need.
type grove struct {
	t     Terminal
	units map[string]unitAnswer
	below map[string][]string
	drawn map[string]bool
	lines []string
}

func tree(t Terminal, units []unitAnswer) []string {
	g := &grove{t: t, units: map[string]unitAnswer{}, below: map[string][]string{}, drawn: map[string]bool{}}
	for _, u := range units {
		g.units[u.Name] = u
		for _, need := range u.Needs {
			g.below[need] = append(g.below[need], u.Name)
		}
	}
	for need := range g.below {
		if _, declared := g.units[need]; !declared {
			g.units[need] = unitAnswer{Name: need, State: "missing", Detail: "nobody declares it"}
		}
	}
	names := make([]string, 0, len(g.units))
	for name := range g.units {
		names = append(names, name)
		slices.Sort(g.below[name])
	}
	slices.Sort(names)
	for _, name := range names {
		if len(g.units[name].Needs) == 0 {
			g.draw(name, "", "", "")
		}
	}
	for _, name := range names { // what stands in a circle has no beginning
		if !g.drawn[name] {
			g.draw(name, "", "", "")
		}
	}
	return g.lines
}

func (g *grove) draw(name, before, branch, after string) {
	u := g.units[name]
	text := before + paint(g.t, dim, branch) + u.Name + "  " + paintState(g.t, u.State)
	again := g.drawn[name] && len(g.below[name]) > 0
	if u.Detail != "" && !again {
		text += "  " + paint(g.t, dim, harmless(u.Detail, false))
	}
	if again {
		g.lines = append(g.lines, text+paint(g.t, dim, "  (see above)"))
		return
	}
	g.lines = append(g.lines, text)
	g.drawn[name] = true
	for i, child := range g.below[name] {
		if i == len(g.below[name])-1 {
			g.draw(child, before+paint(g.t, dim, after), "└─ ", "   ")
		} else {
			g.draw(child, before+paint(g.t, dim, after), "├─ ", "│  ")
		}
	}
}
