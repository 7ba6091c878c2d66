// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A system is the operating system: its files and its programs.
type system struct {
	root string // before every path
	run  runner
}

func (s system) path(elem string) string { return s.root + elem }

// answerWithin bounds a program of the system.
const answerWithin = 15 * time.Second

// A runner runs a program and gives what it printed. The error of a program that is not there is
// exec.ErrNotFound.
type runner func(ctx context.Context, line ...string) (string, error)

func command(ctx context.Context, line ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0", "SYSTEMD_URLIFY=0")
	cmd.WaitDelay = time.Second
	var out, problems strings.Builder
	cmd.Stdout, cmd.Stderr = &limited{to: &out}, &limited{to: &problems}
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("it did not answer within %s", answerWithin)
	}
	if err != nil {
		return problems.String() + out.String(), err
	}
	return out.String(), nil
}

// limited takes only so much of what a program prints.
type limited struct{ to *strings.Builder }

func (l *limited) Write(text []byte) (int, error) {
	if room := 8<<20 - l.to.Len(); room > 0 {
		l.to.Write(text[:min(room, len(text))])
	}
	return len(text), nil
}

// silent says why a manager that starts houses does not answer on this machine; empty when it does.
func (s system) silent(ctx context.Context, manager string, own bool) string {
	question := map[string][]string{
		systemd: systemctl(own, "show", "--property=Version"),
		launchd: {"launchctl", "list"},
		rcd:     {"service", "-e"},
	}[manager]
	text, err := s.run(ctx, question...)
	return unanswered(manager, text, err)
}

// unanswered words that a manager did not answer; empty when it did.
func unanswered(manager, text string, err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, exec.ErrNotFound):
		return "no " + manager + " here"
	}
	return fmt.Sprintf("%s does not answer: %s", manager, firstLine(text, err))
}

func firstLine(text string, err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line == "" {
		return err.Error()
	}
	return line
}

func systemctl(own bool, words ...string) []string {
	if own {
		return append([]string{"systemctl", "--user"}, words...)
	}
	return append([]string{"systemctl"}, words...)
}

func (d definition) systemctl(words ...string) []string { return systemctl(d.User, words...) }

// domain is launchd's name of where a service lives.
func (d definition) domain() string {
	if d.User {
		return "gui/" + d.UID
	}
	return "system"
}

func (d definition) enabling() [][]string {
	switch d.Manager {
	case launchd:
		return [][]string{{"launchctl", "enable", d.domain() + "/" + d.Name}}
	case rcd:
		return [][]string{{"sysrc", d.Name + "_enable=YES"}}
	}
	return [][]string{d.systemctl("daemon-reload"), d.systemctl("enable", d.Name+".service")}
}

func (d definition) disabling() [][]string {
	switch d.Manager {
	case launchd:
		return [][]string{{"launchctl", "disable", d.domain() + "/" + d.Name}}
	case rcd:
		return [][]string{{"sysrc", "-x", d.Name + "_enable"}}
	}
	return [][]string{d.systemctl("disable", d.Name+".service")}
}

// starting is how a person starts the service now.
func (d definition) starting() []string {
	switch d.Manager {
	case launchd:
		return []string{"launchctl bootstrap " + d.domain() + " " + shell(d.file())}
	case rcd:
		return []string{"service " + d.Name + " start"}
	}
	lines := words([][]string{d.systemctl("start", d.Name+".service")})
	if d.User {
		lines = append(lines, "loginctl enable-linger "+d.Account+", to run it without a login")
	}
	return lines
}
