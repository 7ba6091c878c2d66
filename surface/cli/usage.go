// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// usageAnswer is the answer of unit.usage, as far as it is shown.
type usageAnswer struct {
	At    time.Time   `json:"at"`
	Units []unitUsage `json:"units"`
	House houseUsage  `json:"house"`
	Note  string      `json:"note"`
}

type unitUsage struct {
	Name      string    `json:"name"`
	State     string    `json:"state"`
	PID       int       `json:"pid"`
	CPU       float64   `json:"cpu"`
	Memory    int64     `json:"memory"`
	Processes int       `json:"processes"`
	Restarts  int       `json:"restarts"`
	Since     time.Time `json:"since"`
}

type houseUsage struct {
	CPU       float64 `json:"cpu"`
	Memory    int64   `json:"memory"`
	Processes int     `json:"processes"`
}

func (u usageAnswer) sheet() sheet {
	s := sheet{columns: []column{
		{head: "UNIT"},
		{head: "STATE"},
		{head: "PID", right: true, spare: 4},
		{head: "CPU", right: true, spare: 1},
		{head: "MEMORY", right: true, spare: 2},
		{head: "PROCESSES", right: true, spare: 6},
		{head: "RESTARTS", right: true, spare: 5},
		{head: "SINCE", right: true, spare: 3},
	}}
	for _, one := range u.Units {
		row := []string{harmless(one.Name, false), one.State, "-", "-", "-", "-", strconv.Itoa(one.Restarts), lasted(u.At.Sub(one.Since))}
		if one.PID != 0 {
			row[2] = strconv.Itoa(one.PID)
		}
		if one.Processes > 0 {
			row[3], row[4], row[5] = share(one.CPU), size(one.Memory), strconv.Itoa(one.Processes)
		}
		s.rows = append(s.rows, row)
	}
	return s
}

// sum tells the whole in a line.
func (u usageAnswer) sum() string {
	all := houseUsage{}
	up := 0
	for _, one := range u.Units {
		all.CPU += one.CPU
		all.Memory += one.Memory
		all.Processes += one.Processes
		if one.State == "ready" || one.State == "running" {
			up++
		}
	}
	return fmt.Sprintf("%d of %d up, %d processes, %s CPU, %s; the house itself %s, %s",
		up, len(u.Units), all.Processes, share(all.CPU), size(all.Memory), share(u.House.CPU), size(u.House.Memory))
}

func printUsage(t Terminal, _, out json.RawMessage) error {
	var u usageAnswer
	if err := json.Unmarshal(out, &u); err != nil {
		return fmt.Errorf("cannot print the answer: %w", err)
	}
	lines := u.sheet().lines(t, t.Width)
	lines = append(lines, paint(t, dim, clip(u.sum(), width0(t.Width))))
	if u.Note != "" {
		lines = append(lines, u.Note)
	}
	_, err := fmt.Fprintln(t.Out, strings.Join(lines, "\n"))
	return err
}

// usageEvents prints a table for each event, with an empty line between.
func usageEvents(t Terminal, input json.RawMessage) func(json.RawMessage) error {
	first := true
	return func(event json.RawMessage) error {
		if !first {
			if _, err := fmt.Fprintln(t.Out); err != nil {
				return err
			}
		}
		first = false
		return printUsage(t, input, event)
	}
}

// width0 is a width to clip to, where 0 is no limit.
func width0(width int) int {
	if width <= 0 {
		return 1 << 20
	}
	return width
}

// share words a number of cores as a percentage of one.
func share(cores float64) string {
	if cores > 0 && cores < 0.001 {
		return "<0.1%"
	}
	return strconv.FormatFloat(cores*100, 'f', 1, 64) + "%"
}

// size words bytes with three or four figures.
func size(bytes int64) string {
	const step = 1024
	if bytes < step {
		return strconv.FormatInt(bytes, 10) + " B"
	}
	n, units := float64(bytes)/step, []string{"KiB", "MiB", "GiB", "TiB"}
	for n >= step && len(units) > 1 {
		n, units = n/step, units[1:]
	}
	figures := 1
	if n >= 100 {
		figures = 0
	}
	return strconv.FormatFloat(n, 'f', figures, 64) + " " + units[0]
}

// lasted words a span in its two largest units.
func lasted(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}
