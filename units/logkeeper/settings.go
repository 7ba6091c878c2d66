// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"holdfast/core/home"
)

// Settings say how logs are kept.
type Settings struct {
	// Size is how large a log grows before it is rotated, in bytes; 0 never rotates by size.
	Size int64 `json:"size"`
	// Keep is how long rotated files stay; 0 keeps them for ever.
	Keep time.Duration `json:"keep"`
	// Files is how many rotated files of a log stay; 0 keeps all.
	Files int `json:"files"`
	// Compress packs rotated files with gzip.
	Compress bool `json:"compress"`
}

// DefaultSettings rotate at 10 MiB and keep twenty files or thirty days, compressed.
func DefaultSettings() Settings {
	return Settings{Size: 10 << 20, Keep: 30 * 24 * time.Hour, Files: 20, Compress: true}
}

func settingsFile(h home.Home) string { return h.Var("run", "logkeeper.settings.json") }

// write leaves the settings for the keeper, which reads them when it starts and when it is told.
func (s Settings) write(h home.Home) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return home.WriteFile(settingsFile(h), append(data, '\n'), 0o600)
}

// leave writes the settings down unless they stand there already.
func (s Settings) leave(h home.Home, log *slog.Logger) {
	if old, err := readSettings(h); err == nil && old == s {
		if _, err := os.Stat(settingsFile(h)); err == nil {
			return
		}
	}
	if err := s.write(h); err != nil {
		log.Error("cannot tell the log keeper how logs are kept", slog.Any("error", err))
	}
}

// readSettings gives the defaults where nothing can be read: logs are kept in any case.
func readSettings(h home.Home) (Settings, error) {
	s := DefaultSettings()
	data, err := os.ReadFile(settingsFile(h))
	if os.IsNotExist(err) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return DefaultSettings(), fmt.Errorf("cannot read how logs are kept: %w", err)
	}
	return s, nil
}

// role is what only one process of a home may be at a time: its keeper.
const role = "logkeeper"

// Places under var/run.
func pipesDir(h home.Home) string  { return h.Var("run", "pipes") }
func exitsDir(h home.Home) string  { return h.Var("run", "exits") }
func stateFile(h home.Home) string { return h.Var("run", "logkeeper.state") }
func stageFile(h home.Home) string { return h.Var("run", "logkeeper.stage") }
func selfFile(h home.Home) string  { return h.Var("run", "logkeeper.json") }
func askFile(h home.Home) string   { return h.Var("run", "logkeeper.ask") }
func logsDir(h home.Home) string   { return h.Var("logs") }

func pipeFile(h home.Home, log string, stream int) string {
	return h.Var("run", "pipes", log+streamNames[stream].pipe)
}

func logFile(h home.Home, log string) string { return h.Var("logs", log+".log") }
