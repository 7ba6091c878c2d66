// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"holdfast/core/home"
	"holdfast/core/process"
)

// limboPatience is how long a process that was announced may take to show its mark.
const limboPatience = 2 * time.Second

// A limbo is where launches stand that are announced and not yet made, each in a file of its own
// that goes when the process carries its mark. A house that is killed in between leaves the file,
// and the next one waits for the process, which may not have come to execute its program yet.
type limbo struct {
	home  home.Home
	house string
	log   *slog.Logger
}

func (l limbo) folder() string { return l.home.Var("run", "launching") }

func (l limbo) file(unit string) string { return l.home.Var("run", "launching", unit) }

// announce says that a launch is about to be made.
func (l limbo) announce(mark process.Mark) error {
	if err := os.WriteFile(l.file(mark.Unit), []byte(mark.Launch), 0o600); err != nil {
		return fmt.Errorf("cannot announce a launch: %w", err)
	}
	return nil
}

// withdraw says that the launch was made, or will not be.
func (l limbo) withdraw(unit string) {
	if err := os.Remove(l.file(unit)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.log.Warn("cannot take back the announcement of a launch", slog.String("unit", unit), slog.Any("error", err))
	}
}

// mark is that of the unit's announced launch.
func (l limbo) mark(unit string) (process.Mark, bool) {
	launch, err := os.ReadFile(l.file(unit))
	return process.Mark{House: l.house, Unit: unit, Launch: string(launch)}, err == nil
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
