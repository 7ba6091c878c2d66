// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/process"
)

// An account is whom a unit runs as.
type account struct {
	name, home string
	// credential is nil where the house itself is that user.
	credential *syscall.Credential
}

// accountOf finds an account by its name or number, with its groups, for a house that runs as euid;
// none where no name is given.
func accountOf(name string, euid int) (*account, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // no account is asked for
	}
	found, err := user.Lookup(name)
	if _, isNumber := strconv.ParseUint(name, 10, 32); err != nil && isNumber == nil {
		found, err = user.LookupId(name)
	}
	if err != nil {
		return nil, fmt.Errorf("there is no account %q on this machine", name)
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("the account %q has no number: %w", name, err)
	}
	a := &account{name: found.Username, home: found.HomeDir}
	if int(uid) == euid {
		return a, nil
	}
	if euid != 0 {
		return nil, fmt.Errorf("only a house that runs as root can run it as %q", name)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("the account %q has no group: %w", name, err)
	}
	a.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	groups, err := found.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("the groups of the account %q are not known: %w", name, err)
	}
	for _, text := range groups {
		if g, err := strconv.ParseUint(text, 10, 32); err == nil {
			a.credential.Groups = append(a.credential.Groups, uint32(g))
		}
	}
	return a, nil
}

// confine puts on a spec what bounds the unit. Where that fails the spec is of no use.
func (l *launcher) confine(spec *process.Spec, unit holdfast.Unit) error {
	spec.Limits, spec.Sandbox, spec.Helper = unit.Limits, unit.Sandbox, l.helper
	spec.Hidden = []string{l.home.Dir()}
	a, err := accountOf(unit.User, os.Geteuid())
	if err != nil {
		return fmt.Errorf("cannot run as another user: %w", err)
	}
	if a == nil {
		return nil
	}
	spec.Credential = a.credential
	for name, value := range map[string]string{"HOME": a.home, "USER": a.name, "LOGNAME": a.name} {
		if _, declared := unit.Env[name]; declared {
			continue
		}
		spec.Env = slices.DeleteFunc(spec.Env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		spec.Env = append(spec.Env, name+"="+value)
	}
	return nil
}

// confinement names what of a unit's bounds cannot be had now.
func confinement(unit holdfast.Unit) string {
	a, err := accountOf(unit.User, os.Geteuid())
	if err != nil {
		return err.Error()
	}
	if why := a.unreachable(unit.Dir); why != "" {
		return why
	}
	if unit.Sandbox == nil {
		return ""
	}
	for _, path := range slices.Concat(unit.Sandbox.Read, unit.Sandbox.Write) {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return "its sandbox names " + path + ", which is not there: make it, or take it out of the sandbox"
		}
	}
	return ""
}

// lacks tells which bounds of a unit this machine does not enforce, and why: of the sandbox by the
// kernel, of the limits as the launch found.
func lacks(unit holdfast.Unit, child process.Child) []string {
	return append(process.Lacks(unit.Sandbox), found(child)...)
}

// found are the limits that a launch found not to be enforced.
func found(child process.Child) []string {
	if launched, ok := child.(interface{ Lacks() []string }); ok {
		return launched.Lacks()
	}
	return nil
}

// A survivor is an adopted launch whose limits an earlier house found not to be enforced.
type survivor struct {
	process.Child
	lacks []string
}

// Lacks tells which limits the launch lacks.
func (s survivor) Lacks() []string { return s.lacks }

// notices say each thing once a house.
type notices struct {
	log  *slog.Logger
	mu   sync.Mutex
	said []string
}

// warn tells what of a unit's bounds this machine does not enforce.
func (n *notices) warn(unit holdfast.Unit, child process.Child) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, what := range lacks(unit, child) {
		if slices.Contains(n.said, what) {
			continue
		}
		n.said = append(n.said, what)
		n.log.Warn("this machine does not enforce a bound that units ask for",
			slog.String("unit", unit.Name), slog.String("lacks", what))
	}
}

// limitsOf tells a unit's limits as the configuration says them, nil for none.
func limitsOf(unit holdfast.Unit) *Limits {
	l := unit.Limits
	if l == (holdfast.Limits{}) {
		return nil
	}
	return &Limits{NoFile: l.NoFile, Memory: config.Bytes(l.Memory), CPU: l.CPU, Processes: l.Processes, Nice: l.Nice}
}

// sandboxOf tells a unit's sandbox in the same way.
func sandboxOf(unit holdfast.Unit) *Sandbox {
	box := unit.Sandbox
	if box == nil {
		return nil
	}
	return &Sandbox{Read: box.Read, Write: box.Write, Network: cmp.Or(box.Network, "on")}
}
