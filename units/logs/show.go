// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"slices"
	"time"

	"holdfast"
)

// answerMost bounds the text of one answer, in bytes.
const answerMost = 8 << 20

// Show gives the last lines of the logs that are asked for, merged by time.
func (l *Logs) Show(ctx context.Context, in In) (Out, error) {
	f, err := in.filter(now())
	if err != nil {
		return Out{}, err
	}
	found, err := l.find(in.names())
	if err != nil {
		return Out{}, err
	}
	out := Out{Units: []string{}, Files: []string{}, Lines: []string{}, Entries: []Entry{}}
	var m merge
	defer m.close()
	for _, one := range found {
		out.Units, out.Files = append(out.Units, one.unit), append(out.Files, one.file)
		s, err := see(one.path)
		if err != nil {
			return Out{}, err
		}
		m.add(newWalk(one, s, s.size, f), s)
	}
	if out.Entries, out.Cut, err = m.last(ctx, in.Lines); err != nil {
		return Out{}, err
	}
	if len(found) == 1 {
		if w := m.runners[0].walk; !f.since.IsZero() && !w.stamped && w.seen > 1 {
			return Out{}, holdfast.BadInput("cannot show the log", holdfast.Problem{
				Field: "since", Message: "the lines of this log carry no times", Remedy: "leave it out",
			})
		}
	}
	for _, e := range out.Entries {
		out.Lines = append(out.Lines, e.line(len(found) > 1))
	}
	return out, nil
}

// line is an entry as people read it.
func (e Entry) line(several bool) string {
	if several {
		return e.Unit + " | " + e.Text
	}
	return e.Text
}

// A merge goes through several logs at once, from the newest entry to the oldest.
type merge struct{ runners []*runner }

// A runner is one log of a merge, with the entry that comes next of it.
type runner struct {
	walk *walk
	sight
	entry Entry
	key   time.Time
	there bool
	done  bool
}

func (m *merge) add(w *walk, s sight) { m.runners = append(m.runners, &runner{walk: w, sight: s}) }

func (m *merge) close() {
	for _, r := range m.runners {
		r.walk.close()
		r.close()
	}
}

// last gives the last entries, oldest first; cut tells that there are more than can be answered.
func (m *merge) last(ctx context.Context, most int) (list []Entry, cut bool, err error) {
	list = []Entry{}
	size := 0
	for len(list) < most && !cut {
		e, ok, err := m.next(ctx)
		if err != nil {
			return nil, false, err
		}
		if !ok {
			break
		}
		size += len(e.Text)
		if cut = size > answerMost; !cut {
			list = append(list, e)
		}
	}
	slices.Reverse(list)
	return list, cut, nil
}

// next gives the newest entry that was not given yet.
func (m *merge) next(ctx context.Context) (Entry, bool, error) {
	var latest *runner
	for _, r := range m.runners {
		if err := r.fill(ctx); err != nil {
			return Entry{}, false, err
		}
		if r.there && (latest == nil || r.key.After(latest.key)) {
			latest = r
		}
	}
	if latest == nil {
		return Entry{}, false, nil
	}
	latest.there = false
	return latest.entry, true, nil
}

func (r *runner) fill(ctx context.Context) (err error) {
	if r.there || r.done {
		return nil
	}
	r.entry, r.key, r.there, err = r.walk.next(ctx)
	r.done = !r.there
	return err
}
