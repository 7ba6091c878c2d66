// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"errors"
	"syscall"

	"holdfast"
	"holdfast/core/process"
)

// A carrier carries out the units of one kind: processes now, containers and command sets later. The
// state machine, probes, backoff, holds and logs above it are the same for all.
type carrier interface {
	starter
	heir
}

// A starter begins launches.
type starter interface {
	// obstacle names what keeps the unit from starting now, empty for nothing.
	obstacle(ctx context.Context, unit holdfast.Unit) string
	// taken names who holds the unit's port, empty when it is free or the unit has none.
	taken(ctx context.Context, unit holdfast.Unit) string
	// spawn begins a launch.
	spawn(unit holdfast.Unit) (process.Child, error)
	// probing is how exec checks of a launch run.
	probing(unit holdfast.Unit, mark process.Mark) (process.Spec, error)
}

// An heir takes over what an earlier house left.
type heir interface {
	adopt(unit holdfast.Unit, left leftover) (process.Child, error)
	// announced looks for a launch that an earlier house was about to make, and takes its announcement
	// away; it waits for it only when it is wanted. Of one that is not there it gives the mark alone.
	announced(ctx context.Context, unit string, wanted bool) (leftover, bool)
	// exit tells how a launch ended that no house saw end.
	exit(ctx context.Context, id process.Identity) process.Exit
	// clear ends a launch for good.
	clear(ctx context.Context, mark process.Mark, stop holdfast.Stop) error
}

// carriers are the kinds that are built in.
type carriers map[holdfast.UnitKind]carrier

// of gives what carries a kind out; what is not built in only says so.
func (c carriers) of(kind holdfast.UnitKind) carrier {
	if kind == "" {
		kind = holdfast.KindProcess
	}
	if one, ok := c[kind]; ok {
		return one
	}
	return absent{kind}
}

// An absent kind is not built in: its units stay blocked and say why.
type absent struct{ kind holdfast.UnitKind }

func (a absent) why() error { return errors.New(notBuiltIn(a.kind)) }

func (a absent) obstacle(context.Context, holdfast.Unit) string         { return notBuiltIn(a.kind) }
func (absent) taken(context.Context, holdfast.Unit) string              { return "" }
func (a absent) spawn(holdfast.Unit) (process.Child, error)             { return nil, a.why() }
func (a absent) adopt(holdfast.Unit, leftover) (process.Child, error)   { return nil, a.why() }
func (absent) clear(context.Context, process.Mark, holdfast.Stop) error { return nil }

func (a absent) probing(holdfast.Unit, process.Mark) (process.Spec, error) {
	return process.Spec{}, a.why()
}

func (absent) exit(context.Context, process.Identity) process.Exit { return process.Exit{} }

func (absent) announced(context.Context, string, bool) (leftover, bool) { return leftover{}, false }

// The launcher is the carrier of processes.
var _ carrier = (*launcher)(nil)

func (l *launcher) adopt(unit holdfast.Unit, left leftover) (process.Child, error) {
	child, err := l.host.Adopt(*left.leader)
	if err != nil {
		return nil, err
	}
	return voiced(l.output, unit, child), nil
}

func (l *launcher) clear(ctx context.Context, mark process.Mark, stop holdfast.Stop) error {
	return l.host.EndMarked(ctx, mark, syscall.SIGTERM, graceOf(stop))
}

func (l *launcher) announced(ctx context.Context, unit string, wanted bool) (left leftover, found bool) {
	mark, ok := l.limbo.mark(unit)
	if !ok || !wanted {
		l.limbo.withdraw(unit)
		return leftover{}, false
	}
	left, found = l.await(ctx, mark)
	l.limbo.made(unit)
	left.mark = mark
	return left, found
}

func (l *launcher) exit(ctx context.Context, id process.Identity) process.Exit {
	exit, _ := l.output.Exit(ctx, id)
	return exit
}
