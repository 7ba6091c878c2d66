// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/core/home"
	"holdfast/core/process"
)

// limboPatience is how long a process that was announced may take to show its mark.
const limboPatience = 2 * time.Second

// A limbo is where launches stand that are announced and not yet made, each in a file of its own that
// moves to those that were launched when the process carries its mark. A house that is killed in
// between leaves the file, and the next one waits for the process, which may not have come to execute
// its program yet.
type limbo struct {
	home  home.Home
	house string
	boot  func() string
	log   *slog.Logger
}

func (l limbo) folder() string { return l.home.Var("run", "launching") }

func (l limbo) file(unit string) string { return filepath.Join(l.folder(), unit) }

// announce says that a launch is about to be made.
func (l limbo) announce(mark process.Mark) error {
	if err := os.WriteFile(l.file(mark.Unit), []byte(mark.Launch+"\n"+l.boot()), 0o600); err != nil {
		return fmt.Errorf("cannot announce a launch: %w", err)
	}
	return nil
}

// made says that the launch was made, perhaps.
func (l limbo) made(unit string) {
	if err := os.Rename(l.file(unit), launchedFile(l.home, unit)); err != nil {
		l.log.Warn("cannot keep that a launch was made", slog.String("unit", unit), slog.Any("error", err))
		l.withdraw(unit)
	}
}

// withdraw says that the launch will not be made.
func (l limbo) withdraw(unit string) {
	if err := os.Remove(l.file(unit)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.log.Warn("cannot take back the announcement of a launch", slog.String("unit", unit), slog.Any("error", err))
	}
}

// mark is that of the unit's announced launch.
func (l limbo) mark(unit string) (process.Mark, bool) {
	launch, known := readLaunch(l.file(unit), l.boot())
	return process.Mark{House: l.house, Unit: unit, Launch: launch}, known
}

// launchedFile names the launch of a unit that was the last to be made.
func launchedFile(h home.Home, unit string) string { return h.Var("run", "launched", unit) }

// readLaunch reads the name of a launch of this boot.
func readLaunch(path, boot string) (launch string, known bool) {
	data, err := os.ReadFile(path)
	launch, of, _ := strings.Cut(string(data), "\n")
	return launch, err == nil && launch != "" && of == boot
}

// units lists those with an announced launch.
func (l limbo) units() []string {
	files, err := os.ReadDir(l.folder())
	if err != nil {
		return nil
	}
	var units []string
	for _, file := range files {
		units = append(units, file.Name())
	}
	return units
}
