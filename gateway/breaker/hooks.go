// SPDX-License-Identifier: Apache-2.0

package breaker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/home"
	"holdfast/core/process"
	"holdfast/gateway/breaker/hook"
)

// hooks let coding agents honour the HALT: they ask holdfast-watch before each tool and prompt.
type hooks struct{ needs Needs }

func (h hooks) actions() []holdfast.Action {
	declare := func(name, summary string) holdfast.Action {
		return holdfast.Action{
			Name: "breaker." + name, Summary: summary, Tier: holdfast.TierOwner, Effect: holdfast.EffectChange, Offline: true,
			Subject: func(in any) string { return in.(hooksInput).For },
		}
	}
	install := declare("install_hooks", "Have a coding agent stop while HALT stands")
	install.Help = "Writes hooks into the agent's own settings and leaves all else there as it is. Twice does nothing more; uninstall-hooks takes them out. " +
		"Codex runs a hook only after a person has trusted it there: type /hooks in Codex."
	install.Examples = []string{"holdfast breaker install-hooks claude", "holdfast breaker install-hooks codex --file ~/project/.codex/hooks.json"}
	uninstall := declare("uninstall_hooks", "Take the hooks out of a coding agent's settings")
	uninstall.Examples = []string{"holdfast breaker uninstall-hooks claude"}
	return []holdfast.Action{action.NewAction(install, h.install), action.NewAction(uninstall, h.uninstall)}
}

type hooksInput struct {
	For  string `json:"for" help:"which agent" enum:"claude,codex" required:"true" pos:"1"`
	File string `json:"file" help:"its settings, when they are not at the usual place" path:"true"`
}

type hooked struct {
	For     string `json:"for"`
	File    string `json:"file"`
	Changed bool   `json:"changed"`
	Message string `json:"message"`
}

// settings is where an agent keeps the hooks of its user.
func (in hooksInput) settings() (string, error) {
	if in.File != "" && !filepath.IsAbs(in.File) {
		return "", holdfast.BadInput("bad file", holdfast.Problem{Field: "file", Message: "must be a whole path, from / on"})
	}
	if in.File != "" {
		return in.File, nil
	}
	place := map[string]struct{ variable, folder, file string }{
		"claude": {"CLAUDE_CONFIG_DIR", ".claude", "settings.json"},
		"codex":  {"CODEX_HOME", ".codex", "hooks.json"},
	}[in.For]
	if dir := os.Getenv(place.variable); dir != "" {
		return filepath.Join(dir, place.file), nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("cannot find the settings of %s, give --file: %w", in.For, err)
	}
	return filepath.Join(user, place.folder, place.file), nil
}

// wanted are the hooks of an agent: before each tool, and before each prompt.
func (h hooks) wanted(agent string) ([]hook.Hook, error) {
	helper := h.needs.Helper
	if helper == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		helper = filepath.Join(filepath.Dir(self), process.HelperName)
	}
	if _, err := os.Stat(helper); err != nil {
		return nil, fmt.Errorf("cannot find the program that hooks call: %w", err)
	}
	command := func(event string) string {
		return quoted(helper) + " hook " + agent + " " + event + h.tail()
	}
	return []hook.Hook{
		{Event: "PreToolUse", Matcher: "*", Command: command("PreToolUse"), Timeout: 5},
		{Event: "UserPromptSubmit", Command: command("UserPromptSubmit"), Timeout: 5},
	}, nil
}

// tail is what the commands of this home's hooks end with.
func (h hooks) tail() string { return " --home " + quoted(h.needs.Home.Dir()) }

func (h hooks) ours(command string) bool {
	return strings.Contains(command, process.HelperName) && strings.Contains(command, " hook ") && strings.HasSuffix(command, h.tail())
}

// quoted is a word for a shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func (h hooks) install(_ context.Context, in hooksInput) (hooked, error) {
	wanted, err := h.wanted(in.For)
	if err != nil {
		return hooked{}, err
	}
	done, err := h.edit(in, func(text []byte) ([]byte, bool, error) { return hook.Install(text, wanted, h.ours) })
	done.Message = "its tools and prompts are refused while HALT stands"
	if in.For == "codex" {
		done.Message += ", once you have trusted the hooks: type /hooks in Codex"
	}
	return done, err
}

func (h hooks) uninstall(_ context.Context, in hooksInput) (hooked, error) {
	done, err := h.edit(in, func(text []byte) ([]byte, bool, error) { return hook.Remove(text, h.ours) })
	done.Message = "it no longer asks whether HALT stands"
	return done, err
}

// edit rewrites a settings file, whole or not at all, with its own mode, and through its link.
func (h hooks) edit(in hooksInput, change func([]byte) ([]byte, bool, error)) (hooked, error) {
	path, err := in.settings()
	if err != nil {
		return hooked{}, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mode := fs.FileMode(0o600)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return hooked{}, fmt.Errorf("cannot read the settings of %s: %w", in.For, err)
	}
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	next, changed, err := change(text)
	if err != nil {
		return hooked{}, fmt.Errorf("cannot change %s, which is left as it is: %w", path, err)
	}
	if changed {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return hooked{}, err
		}
		if err := home.WriteFile(path, next, mode); err != nil {
			return hooked{}, err
		}
	}
	return hooked{For: in.For, File: path, Changed: changed}, nil
}
