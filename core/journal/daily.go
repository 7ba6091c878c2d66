// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"log/slog"
	"time"

	"holdfast"
)

const (
	archiveAction = "journal.archive"
	archiveEvery  = 24 * time.Hour
)

// run archives what is due, at the start and once a day. A failure is journaled, is an alert until
// it went well, and never ends the house.
func (a *archiver) run(ctx context.Context) error {
	tick := time.NewTicker(archiveEvery)
	defer tick.Stop()
	for {
		a.daily(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// daily journals only when there is something to do.
func (a *archiver) daily(ctx context.Context) {
	ctx = holdfast.WithCaller(ctx, holdfast.Internal("journal", archiveAction))
	due, err := a.anyDue(ctx)
	if err == nil && !due {
		return
	}
	began := time.Now()
	if err == nil {
		err = a.record(ctx, holdfast.OutcomeStarted, 0, nil)
	}
	var moved []Archive
	if err == nil {
		moved, err = a.archive(ctx)
		outcome, detail := holdfast.OutcomeDone, any(map[string]any{"archived": len(moved)})
		if err != nil {
			outcome, detail = holdfast.OutcomeFailed, err
		}
		if noted := a.record(context.WithoutCancel(ctx), outcome, time.Since(began), detail); err == nil {
			err = noted
		}
	}
	if err != nil && ctx.Err() == nil {
		a.settle(err)
		a.log.Error("the journal was not archived", slog.Any("error", err))
	}
}

func (a *archiver) anyDue(ctx context.Context) (bool, error) {
	nodes, err := a.nodes(ctx)
	if err != nil {
		return false, err
	}
	for _, node := range nodes {
		if due, err := a.due(ctx, node); err != nil || len(due) > 0 {
			return len(due) > 0, err
		}
	}
	return false, nil
}

func (a *archiver) record(ctx context.Context, outcome holdfast.Outcome, took time.Duration, detail any) error {
	caller := holdfast.CallerFrom(ctx)
	e := holdfast.Entry{Caller: caller.String(), Tier: caller.Tier, Action: archiveAction, Outcome: outcome, Duration: took}
	if detail != nil {
		e.Detail = Detail(detail)
	}
	_, err := a.j.Append(ctx, e)
	return err
}

// settle keeps how the last attempt ended, for the alert.
func (a *archiver) settle(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed = err; err != nil {
		a.since = a.j.now()
	}
}

func (a *archiver) alert() holdfast.AlertRule {
	return holdfast.AlertRule{
		Name: "journal_archive", Severity: holdfast.SeverityWarning, Summary: "Old months of the journal cannot be archived",
		Firing: func(context.Context) []holdfast.Alert {
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.failed == nil {
				return nil
			}
			return []holdfast.Alert{{Name: "journal_archive", Message: a.failed.Error(), Since: a.since}}
		},
	}
}
