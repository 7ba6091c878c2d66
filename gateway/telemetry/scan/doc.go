// SPDX-License-Identifier: Apache-2.0

// Package scan reads the session logs that coding agents keep, and tells which model calls they made.
//
// It is for Claude Code, Codex, Gemini CLI and OpenCode: their folders, their formats, and what of
// their lines is new since the last look. It is not for prices, sums or storage, and it never writes.
// Each call has a key that stays the same however often, and from whichever copy, it is read, so
// that reading twice counts once. A file is read from where the last look ended, unless it was
// replaced or cut; a line still being written waits; what cannot be read is reported and never stops
// the rest. Callers: gateway/telemetry, and the watch, which judges the breaker while the house is down.
package scan

import (
	"strings"
	"time"

	"holdfast"
)

// A Source is a coding agent whose logs are read.
type Source string

// The coding agents.
const (
	Claude   Source = "claude"
	Codex    Source = "codex"
	Gemini   Source = "gemini"
	OpenCode Source = "opencode"
)

// A Record is one model call that an agent made.
type Record struct {
	// Key names the call for ever.
	Key    string
	Source Source
	Time   time.Time
	// Session is the agent's own name of the conversation; Project the folder that it worked in, as
	// far as the log's place tells.
	Session string
	Project string
	// Provider is who was called, empty where the log does not say.
	Provider string
	// Model is empty where no model answered.
	Model string
	// ResponseID is the provider's name of the answer.
	ResponseID string
	Usage      holdfast.Usage
	// Nano is what the log says that the call cost, in billionths of a dollar, when Priced.
	Nano   int64
	Priced bool
	// Instead, unless empty, is a key under which the same call may have been told before: by a side
	// conversation, which repeated it, or while it went on. This record stands for that one, though its
	// total may be smaller.
	Instead string
}

// A Root is a folder of one agent's logs.
type Root struct {
	Source Source
	Path   string
}

// Roots are the folders where the agents keep their logs, by their own rules: getenv answers for the
// environment, home is the user's folder. Folders that do not exist are among them, for they may
// come.
func Roots(getenv func(string) string, home string) []Root {
	var roots []Root
	add := func(source Source, paths ...string) {
		for _, p := range paths {
			roots = append(roots, Root{source, p})
		}
	}
	claude := list(getenv("CLAUDE_CONFIG_DIR"), home)
	if len(claude) == 0 {
		config := getenv("XDG_CONFIG_HOME")
		if config == "" {
			config = home + "/.config"
		}
		claude = []string{config + "/claude", home + "/.claude"}
	}
	for _, dir := range claude {
		add(Claude, strings.TrimSuffix(strings.TrimSuffix(dir, "/"), "/projects")+"/projects")
	}
	codex := list(getenv("CODEX_HOME"), home)
	if len(codex) == 0 {
		codex = []string{home + "/.codex"}
	}
	for _, dir := range codex {
		add(Codex, dir+"/sessions", dir+"/archived_sessions")
	}
	gemini := list(getenv("GEMINI_DATA_DIR"), home)
	if len(gemini) == 0 {
		gemini = []string{home + "/.gemini/tmp"}
	}
	add(Gemini, gemini...)
	open := list(getenv("OPENCODE_DATA_DIR"), home)
	if len(open) == 0 {
		data := getenv("XDG_DATA_HOME")
		if data == "" {
			data = home + "/.local/share"
		}
		open = []string{data + "/opencode"}
	}
	for _, dir := range open {
		add(OpenCode, dir+"/storage/message")
	}
	return roots
}

// list parts folders at commas; a leading ~ is the user's folder.
func list(text, home string) []string {
	var all []string
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "~" || strings.HasPrefix(part, "~/") {
			part = home + part[1:]
		}
		if part != "" {
			all = append(all, part)
		}
	}
	return all
}

// wants tells whether a file of that name in that folder of a root may hold calls.
func (s Source) wants(name, folder string) bool {
	switch s {
	case Claude, Codex:
		return strings.HasSuffix(name, ".jsonl")
	case Gemini:
		return strings.Contains(folder+"/", "/chats/") && (strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".jsonl"))
	default:
		return strings.HasSuffix(name, ".json")
	}
}
