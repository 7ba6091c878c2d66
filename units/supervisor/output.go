// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
)

// output is who takes what units write, and learns how they end while no house watches.
type output interface {
	// Open gives what a launch gets as its standard output and error; the caller closes both.
	Open(log string) (stdout, stderr *os.File, err error)
	// Began and Ended tell of launches that write to a log: those that were adopted too, and when
	// one has ended whole.
	Began(log string, id process.Identity)
	Ended(log string, id process.Identity)
	// Exit tells how a process ended that no house saw end; false when nobody knows. Of one without
	// a PID only the mark is known.
	Exit(ctx context.Context, id process.Identity) (process.Exit, bool)
}

// straight has units write their log files themselves.
type straight struct{ home home.Home }

func (s straight) Open(log string) (stdout, stderr *os.File, err error) {
	file, err := os.OpenFile(s.home.Var("logs", log+".log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open log: %w", err)
	}
	return file, file, nil
}

func (straight) Began(string, process.Identity) {}
func (straight) Ended(string, process.Identity) {}

func (straight) Exit(context.Context, process.Identity) (process.Exit, bool) {
	return process.Exit{}, false
}

// A voice is a launch that tells the output when it has ended whole.
type voice struct {
	process.Child
	output output
	log    string
}

func voiced(o output, unit holdfast.Unit, child process.Child) process.Child {
	if _, nobody := o.(straight); nobody {
		return child
	}
	v := voice{Child: child, output: o, log: logName(unit)}
	o.Began(v.log, child.Identity())
	return v
}

// End ends the whole tree.
func (v voice) End(ctx context.Context, signal syscall.Signal, grace time.Duration) error {
	if err := v.Child.End(ctx, signal, grace); err != nil {
		return err
	}
	v.output.Ended(v.log, v.Identity())
	return nil
}

// Lacks tells which limits the launch lacks.
func (v voice) Lacks() []string { return found(v.Child) }
