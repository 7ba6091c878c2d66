// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/house"
	"holdfast/core/intent"
	"holdfast/core/process"
	"holdfast/surface/cli"
	"holdfast/units/watch"
)

const (
	// answerWithin and quickAnswer bound how long `down` waits for the house to answer before it ends
	// a house that does not.
	answerWithin = 10 * time.Second
	quickAnswer  = 3 * time.Second
	// quickEnd is how long `down --quick` waits for a house that ends.
	quickEnd = 15 * time.Second
	// startWithin is how long `down` waits for a house that starts to become one that can be asked.
	startWithin = time.Minute
)

// A downCaller is `down` on the command line: it returns when the house has ended, ends one that
// does not answer, and what a house left that died.
type downCaller struct {
	*House
	remote *cli.Remote
}

// Follow is not for this action.
func (d downCaller) Follow(context.Context, string, json.RawMessage, func(json.RawMessage) error) error {
	return errors.New("there is nothing to follow")
}

// Dispatch carries the action out.
func (d downCaller) Dispatch(ctx context.Context, name string, input json.RawMessage, _ *holdfast.Confirmation) (json.RawMessage, error) {
	var how house.Shutdown
	if err := json.Unmarshal(input, &how); err != nil {
		return nil, holdfast.BadInput(err.Error())
	}
	defer d.patience(ctx)()
	var out house.Goodbye
	var err error
	for range 5 {
		if out, err = d.once(ctx, name, input, how); !errors.Is(err, errReplaced) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// once ends the house and what it left. A house that the watch started meanwhile is errReplaced.
func (d downCaller) once(ctx context.Context, name string, input json.RawMessage, how house.Shutdown) (house.Goodbye, error) {
	out, acted, err := d.ask(ctx, name, input, how)
	if err != nil {
		return out, err
	}
	_, died, err := watch.ReadHouse(d.Home)
	if acted && !died && err == nil {
		return out, nil
	}
	rest, err := d.offline(ctx, name, input, acted)
	if acted && (err == nil || errors.Is(err, cli.ErrNoHouse)) {
		out.Ended = rest.Ended
		return out, nil
	}
	return rest, err
}

// patience says what is waited for when that takes long.
func (d downCaller) patience(ctx context.Context) (stop func()) {
	timer := time.AfterFunc(2*time.Second, func() {
		if ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "Waiting for the units to end. Ctrl-C stops the waiting, not the end.")
		}
	})
	return func() { timer.Stop() }
}

// ask has the house end itself, and waits until it has. acted is false when there is no house. A
// house that the watch replaces meanwhile is asked as well.
func (d downCaller) ask(ctx context.Context, name string, input json.RawMessage, how house.Shutdown) (out house.Goodbye, acted bool, err error) {
	for range 5 {
		out, acted, err = d.askOne(ctx, name, input, how)
		if !errors.Is(err, errReplaced) {
			break
		}
	}
	return out, acted, err
}

// errReplaced says that the house that was asked is not the one that holds the home now.
var errReplaced = errors.New("another house took the place of the one that was asked")

func (d downCaller) askOne(ctx context.Context, name string, input json.RawMessage, how house.Shutdown) (out house.Goodbye, acted bool, err error) {
	if err := d.untilItCanBeAsked(ctx, how); err != nil {
		return out, false, err
	}
	holder, err := d.Home.Holder()
	if err != nil || holder == nil {
		return out, false, err
	}
	bounded, cancel := context.WithTimeout(ctx, within(how, answerWithin, quickAnswer))
	defer cancel()
	answer, err := d.remote.Dispatch(bounded, name, input, nil)
	switch {
	case err == nil:
		if err := json.Unmarshal(answer, &out); err != nil {
			return out, true, err
		}
	case ctx.Err() != nil:
		return out, true, ctx.Err()
	case answered(err):
		return out, false, err
	}
	silent := err != nil
	if silent {
		if now, err := d.Home.Holder(); err != nil || now == nil || now.PID != holder.PID {
			return out, false, errors.Join(err, errReplaced)
		}
	}
	if !silent || stageOf(d.Home, holder) == watch.Ending {
		silent, err = d.awaitEnd(ctx, within(how, 0, quickEnd))
		if err != nil {
			return out, true, err
		}
	}
	if silent {
		if err := d.kill(ctx, holder, how); err != nil {
			return out, true, err
		}
	}
	out.Status, out.Message = "stopped", "the house has ended, and stays down until `holdfast up`"
	if silent {
		out.Message = "the house did not answer and was killed; what it left has ended, and it stays down until `holdfast up`"
	}
	if out.Unrecorded != "" {
		return out, true, holdfast.Errorf(holdfast.CodeFailed, "the house has ended, but that it stays down is not recorded, and `up --boot` would start it: %s", out.Unrecorded)
	}
	return out, true, nil
}

func within(how house.Shutdown, usual, quick time.Duration) time.Duration {
	if how.Quick {
		return quick
	}
	return usual
}

// answered tells an answer of the house from the lack of one.
func answered(err error) bool {
	_, refused := errors.AsType[*holdfast.Refusal](err)
	_, failed := errors.AsType[*holdfast.Error](err)
	return refused || failed
}

// untilItCanBeAsked waits for a house that is starting.
func (d downCaller) untilItCanBeAsked(ctx context.Context, how house.Shutdown) error {
	bounded, cancel := context.WithTimeout(ctx, within(how, startWithin, quickAnswer))
	defer cancel()
	for {
		holder, err := d.Home.Holder()
		if err != nil || holder == nil || dialable(ctx, d.Home) {
			return err
		}
		switch stageOf(d.Home, holder) {
		case watch.Starting, watch.Leaving:
		case "":
			if bounded.Err() != nil {
				return holder // a command without a house, or one of another program
			}
		default:
			return nil
		}
		if !pause(bounded, 20*time.Millisecond) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if stageOf(d.Home, holder) != "" {
				return nil
			}
		}
	}
}

// awaitEnd waits until nobody holds the home; for at most so long, when that is more than 0.
func (d downCaller) awaitEnd(ctx context.Context, most time.Duration) (lasts bool, err error) {
	began := time.Now()
	for {
		holder, err := d.Home.Holder()
		if err != nil || holder == nil {
			return false, err
		}
		if !pause(ctx, 10*time.Millisecond) {
			return true, fmt.Errorf("the house is still ending: %w", ctx.Err())
		}
		if most > 0 && time.Since(began) > most {
			return true, nil
		}
	}
}

// kill records that the house stays down and kills its process, and that alone.
func (d downCaller) kill(ctx context.Context, holder *home.LockedError, how house.Shutdown) error {
	n, known, err := watch.ReadHouse(d.Home)
	if err != nil || !known || n.PID != holder.PID {
		return errors.Join(err, &silentError{holder: holder})
	}
	if caller := offlineCaller(); caller.Tier < holdfast.TierOperator {
		return &holdfast.Refusal{Guard: "tier", Reason: caller.String() + " may not end the house", Remedy: "ask the operator"}
	}
	// A house that was stopped over this very file keeps others from writing it until it is killed;
	// then this command tries again.
	_ = intent.SetDown(d.Home, offlineCaller().String(), how.Workers)
	p, err := process.Adopt(n.Identity)
	if err == nil {
		// The watch would end what is left as well, but this command tells of it.
		err = errors.Join(watch.End(ctx, d.Home), process.SignalFirst(p, syscall.SIGKILL))
	}
	if err != nil && !errors.Is(err, process.ErrGone) {
		return err
	}
	_, err = d.awaitEnd(ctx, 0)
	return err
}

// offline runs the action in this process, under the home's lock. Where the house is to stay down already,
// whoever has that now ends what is left too, and soon; else it may be another house, which is to be asked.
func (d downCaller) offline(ctx context.Context, name string, input json.RawMessage, isDown bool) (out house.Goodbye, err error) {
	a, err := d.Registry.Action(name)
	if err != nil {
		return out, err
	}
	if err := d.Home.Ensure(); err != nil {
		return out, err
	}
	lock, err := d.Home.Lock(home.InProcess + name)
	for began := time.Now(); err != nil && time.Since(began) < startWithin && pause(ctx, 50*time.Millisecond); {
		holder, ok := errors.AsType[*home.LockedError](err)
		if ok && !isDown && stageOf(d.Home, holder) != "" {
			return out, errReplaced
		}
		lock, err = d.Home.Lock(home.InProcess + name)
	}
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, d.Store.Close(), lock.Unlock()) }()
	if err := d.openFor(ctx, a); err != nil {
		return out, err
	}
	answer, err := cli.Local{Registry: d.Registry, Caller: offlineCaller()}.Dispatch(ctx, name, input, nil)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(answer, &out)
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
