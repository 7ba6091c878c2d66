// SPDX-License-Identifier: Apache-2.0

package service

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// list asks a manager for its services by trimmed label: those named, and those whose label begins
// with a prefix. why says why it could not be asked.
func (s system) list(ctx context.Context, at scope, labels, prefixes []string) (there map[string]found, why string) {
	switch at.manager {
	case systemd:
		return s.listSystemd(ctx, at, labels, prefixes)
	case launchd:
		return s.listLaunchd(ctx, at)
	case rcd:
		return s.listRC(ctx)
	case cron:
		return s.listCron(ctx, labels, prefixes)
	}
	return nil, "nobody knows a manager " + at.manager
}

// listSystemd asks for the names first, then for what is known of those that matter.
func (s system) listSystemd(ctx context.Context, at scope, labels, prefixes []string) (map[string]found, string) {
	units := []string{}
	for _, label := range labels {
		units = append(units, unitName(label))
	}
	if len(prefixes) > 0 {
		for _, question := range []string{"list-unit-files", "list-units"} {
			line := systemctl(at.user, question, "--no-legend", "--no-pager", "--plain", "--full", "--all")
			text, err := s.run(ctx, line...)
			if why := unanswered(systemd, text, err); why != "" {
				return nil, why
			}
			for name := range firstFields(text) {
				if begins(name, prefixes) && !slices.Contains(units, name) && kept(name) {
					units = append(units, name)
				}
			}
		}
	}
	if len(units) == 0 {
		return map[string]found{}, ""
	}
	line := systemctl(at.user, append([]string{"show", "--no-pager", "--property=Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath", "--"}, units...)...)
	text, err := s.run(ctx, line...)
	if why := unanswered(systemd, text, err); why != "" {
		return nil, why
	}
	return parseShow(text), ""
}

// kept tells a unit that a person writes from one that systemd makes of the hardware and mounts.
func kept(name string) bool {
	return slices.Contains([]string{".service", ".timer", ".socket", ".path"}, filepath.Ext(name)) && !strings.Contains(name, "@.")
}

// unitName completes a label.
func unitName(label string) string {
	if slices.Contains([]string{".service", ".timer", ".socket", ".path", ".mount", ".target", ".slice"}, filepath.Ext(label)) {
		return label
	}
	return label + ".service"
}

// firstFields gives the first word of every line; a bullet before it, as systemctl puts there for
// failed units, is left out.
func firstFields(text string) map[string]bool {
	all := map[string]bool{}
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && strings.Trim(fields[0], "●*○×↻") == "" {
			fields = fields[1:]
		}
		if len(fields) > 0 {
			all[fields[0]] = true
		}
	}
	return all
}

// parseShow reads the blocks of `systemctl show`.
func parseShow(text string) map[string]found {
	all := map[string]found{}
	for block := range strings.SplitSeq(text, "\n\n") {
		values := map[string]string{}
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			values[name] = value
		}
		if values["Id"] == "" || values["LoadState"] == "not-found" {
			continue
		}
		active, file := values["ActiveState"], values["UnitFileState"]
		all[trimmed(values["Id"])] = found{
			file:    values["FragmentPath"],
			enabled: strings.HasPrefix(file, "enabled") || file == "static" && active == "active",
			running: slices.Contains([]string{"active", "activating", "reloading"}, active),
			detail:  strings.TrimSpace(strings.Join([]string{active, values["SubState"], file}, " ")),
		}
	}
	return all
}

// listLaunchd reads `launchctl list`: pid, last status, label.
func (s system) listLaunchd(ctx context.Context, at scope) (map[string]found, string) {
	text, err := s.run(ctx, "launchctl", "list")
	if why := unanswered(launchd, text, err); why != "" {
		return nil, why
	}
	all := map[string]found{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] == "Label" {
			continue
		}
		detail := "loaded, last status " + fields[1]
		if fields[0] != "-" {
			detail = "running as pid " + fields[0]
		}
		all[fields[2]] = found{file: s.plistOf(fields[2], at.user), enabled: true, running: fields[0] != "-", detail: detail}
	}
	return all, ""
}

func (s system) plistOf(label string, own bool) string {
	folders := []string{"/Library/LaunchDaemons", "/Library/LaunchAgents"}
	if folder, err := os.UserHomeDir(); own && err == nil {
		folders = append([]string{filepath.Join(folder, "Library", "LaunchAgents")}, folders...)
	}
	for _, folder := range folders {
		path := s.path(filepath.Join(folder, label+".plist"))
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// listRC reads `service -e`: the scripts that start at boot, by path.
func (s system) listRC(ctx context.Context) (map[string]found, string) {
	text, err := s.run(ctx, "service", "-e")
	if why := unanswered(rcd, text, err); why != "" {
		return nil, why
	}
	all := map[string]found{}
	for path := range firstFields(text) {
		if filepath.IsAbs(path) {
			all[filepath.Base(path)] = found{file: s.path(path), enabled: true, detail: "enabled"}
		}
	}
	return all, ""
}

// listCron reads the crontab: a label is a word in a line, or the program's own name in a path.
func (s system) listCron(ctx context.Context, labels, prefixes []string) (map[string]found, string) {
	text, err := s.run(ctx, "crontab", "-l")
	if err != nil && strings.Contains(text, "no crontab for") {
		return map[string]found{}, ""
	}
	if why := unanswered(cron, text, err); why != "" {
		return nil, why
	}
	all := map[string]found{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			label := filepath.Base(strings.Trim(word, `"';#`))
			if slices.Contains(labels, label) || begins(label, prefixes) {
				all[trimmed(label)] = found{enabled: true, detail: line}
			}
		}
	}
	return all, ""
}
