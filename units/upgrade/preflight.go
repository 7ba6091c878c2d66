// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"holdfast"
)

// tryWithin bounds a trial of a program that may be anything.
const tryWithin = 30 * time.Second

// Preflight is the command by which a program is asked, before it is put in place, who it is and
// whether it can read this home. It is a promise between versions: every one answers it so.
const Preflight = "preflight"

// A Probed is what a program answers to Preflight, as JSON on standard output.
type Probed struct {
	Version string `json:"version"`
	// Migrates tells that the program will change the schema of the store.
	Migrates bool `json:"migrates"`
}

// preflight asks a program.
func (d *Driver) preflight(ctx context.Context, file string) (Probed, error) {
	if err := startable(file); err != nil {
		return Probed{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, file, "--home", d.Home.Dir(), "upgrade", Preflight)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &problems, time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := cmd.Run()
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return Probed{}, holdfast.BadInput(fmt.Sprintf("%s is no program for this machine (%s/%s)", file, runtime.GOOS, runtime.GOARCH))
	case ctx.Err() != nil:
		return Probed{}, holdfast.BadInput(fmt.Sprintf("%s did not say within %s whether it can read this home", file, tryWithin))
	case err != nil:
		return Probed{}, holdfast.Errorf(holdfast.CodeBadInput, "%s refuses this home: %w\n%s", file, err, tail(problems.String()+out.String()))
	}
	var probed Probed
	if err := json.Unmarshal(out.Bytes(), &probed); err != nil || probed.Version == "" {
		return Probed{}, holdfast.BadInput(fmt.Sprintf("%s does not answer `upgrade %s` as holdfast does:\n%s", file, Preflight, tail(out.String())))
	}
	return probed, nil
}

func startable(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return holdfast.BadInput("there is no file " + file)
	case err != nil:
		return fmt.Errorf("cannot look at the new program: %w", err)
	case !info.Mode().IsRegular():
		return holdfast.BadInput(file + " is no file: give the holdfast program itself")
	case info.Mode()&0o111 == 0:
		return holdfast.BadInput(fmt.Sprintf("%s is not executable: `chmod +x %s`", file, file))
	}
	return nil
}

// tail is the end of a text that may be anything.
func tail(text string) string {
	text = strings.ToValidUTF8(strings.TrimSpace(text), "?")
	if len(text) > 2000 {
		text = "…" + strings.ToValidUTF8(text[len(text)-2000:], "")
	}
	return text
}
