// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"holdfast/core/home"
	"holdfast/core/process"
)

// A Stage is how far the house came.
type Stage string

// The stages of a house.
const (
	Starting Stage = "starting"
	Up       Stage = "up"
	Leaving  Stage = "leaving" // another program takes its place in its process
	Ending   Stage = "ending"  // it was asked to, and ends its units
	Failed   Stage = "failed"  // it ended its units because of an error
)

// A House is what a house says of itself to its watch, in var/run/house.json. The file goes with
// an orderly end.
type House struct {
	process.Identity
	Stage   Stage     `json:"stage"`
	Since   time.Time `json:"since"`
	Version string    `json:"version,omitempty"`
	// Binary, Set and Dir are how it was started: the program, the values of --set, the folder.
	Binary string   `json:"binary"`
	Set    []string `json:"set,omitempty"`
	Dir    string   `json:"dir,omitempty"`
	// Watched tells that a watch is to start it again.
	Watched bool `json:"watched"`
	// HungAfter is how long it may show no sign of life; Most bounds the pause between restarts.
	HungAfter time.Duration `json:"hung_after,omitempty"`
	Most      time.Duration `json:"most,omitempty"`
}

// A Report is what the watch says of itself, in var/run/watch.json.
type Report struct {
	process.Identity
	// Print covers the program and environment of the watch: a house that would start another replaces it.
	Print string    `json:"print,omitempty"`
	Since time.Time `json:"since"`
	State string    `json:"state"`
	// House is the process that it attends, 0 when there is none.
	House    int       `json:"house,omitempty"`
	Restarts int       `json:"restarts"`
	History  []Restart `json:"history,omitempty"` // the newest last
}

// A Restart is one time that the watch started the house again.
type Restart struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
	PID int       `json:"pid,omitempty"`
}

// Last is the newest restart.
func (r Report) Last() (Restart, bool) {
	if len(r.History) == 0 {
		return Restart{}, false
	}
	return r.History[len(r.History)-1], true
}

// historyMost bounds how many restarts are kept.
const historyMost = 20

func houseFile(h home.Home) string  { return h.Var("run", "house.json") }
func reportFile(h home.Home) string { return h.Var("run", "watch.json") }

// Say tells the watch how the house stands.
func (n House) Say(h home.Home) error { return home.Replace(houseFile(h), n, 0o600) }

// Forget takes back what the house said: it ended in order.
func Forget(h home.Home) error {
	err := os.Remove(houseFile(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ReadHouse reads what the last house said; false when it ended in order or never was.
func ReadHouse(h home.Home) (House, bool, error) {
	var n House
	found, err := read(houseFile(h), &n)
	return n, found, err
}

// ReadReport reads what the last watch said.
func ReadReport(h home.Home) (Report, bool, error) {
	var r Report
	found, err := read(reportFile(h), &r)
	return r, found, err
}

func read(path string, into any) (bool, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return false, fmt.Errorf("cannot read %s: %w", filepath.Base(path), err)
	}
	return true, nil
}
