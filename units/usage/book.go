// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"context"
	"errors"
	"maps"
	"math"
	"sync"
	"time"

	"holdfast/core/process"
)

const (
	// Pace is how often use is noted for the history.
	Pace = 15 * time.Second
	// kept is how many notes the history has: an hour of them.
	kept = int(time.Hour / Pace)
	// trusted is how long a glance at the units will do; then all processes are looked at again, for one
	// may have left its place.
	trusted = 5 * time.Minute
	// briefly is how long two looks must lie apart to tell a rate.
	briefly = 250 * time.Millisecond
)

// A Unit is one unit to be measured: its present launch, empty when it has none.
type Unit struct {
	Name   string
	Leader process.Identity
}

// A Use is what a unit uses now.
type Use struct {
	// CPU is in cores: 0.5 is half of one.
	CPU       float64
	Memory    int64
	Processes int
}

// A Series is what a unit used over a span, oldest first; it is 0 where the unit did not run.
type Series struct {
	At     []time.Time `json:"at" help:"when it was measured"`
	CPU    []float64   `json:"cpu" help:"cores used on average since the measurement before"`
	Memory []int64     `json:"memory" help:"bytes of resident memory"`
}

// A note is a use in the history, small since there are many.
type note struct {
	cpu    float32
	memory uint32 // KiB
}

// A Book measures the units of a house and remembers the last hour.
type Book struct {
	meter meter
	units func() []Unit

	mu      sync.Mutex
	before  look                     // the last one of the history
	spent   map[string]time.Duration // by all units when they were last looked at for the history
	looked  time.Time                // when all processes were, for the history
	apart   bool                     // a process had left its place then
	at      []time.Time
	notes   map[string][]note // by unit; they end with the last of at
	asked   look              // the last one that somebody asked for
	ofHouse []note
}

type meter interface {
	Read(leaders []process.Identity) (map[process.Mark]Reading, error)
	Self() (Reading, error)
}

// A glancer is a meter that tells something without a look at all processes of the machine.
type glancer interface {
	// Spent is how much processor time all units have used together, nil where nobody knows.
	Spent() map[string]time.Duration
	// Glance reads what launches use but for processes that left their place; false where it cannot.
	Glance(leaders []process.Identity) (map[process.Mark]Reading, bool)
}

// A look is one measurement of everything.
type look struct {
	at    time.Time
	units map[process.Mark]Reading
	house Reading
}

// NewBook makes a book of the units that a function lists.
func NewBook(m meter, units func() []Unit) *Book {
	return &Book{meter: m, units: units, notes: map[string][]note{}}
}

// Keep notes the use of all units now and then, until ctx ends.
func (b *Book) Keep(ctx context.Context) {
	ticker := time.NewTicker(Pace)
	defer ticker.Stop()
	for {
		b.note(b.units())
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// errNobody says that nothing measures.
var errNobody = errors.New("nothing measures what units use here")

func (b *Book) look(units []Unit) (look, error) {
	if b.meter == nil {
		return look{}, errNobody
	}
	now := time.Now()
	readings, err := b.meter.Read(leaders(units))
	if err != nil {
		return look{}, err
	}
	house, err := b.meter.Self()
	return look{at: now, units: readings, house: house}, err
}

// leaders are the first processes of the units that run.
func leaders(units []Unit) []process.Identity {
	list := make([]process.Identity, 0, len(units))
	for _, u := range units {
		if u.Leader.PID != 0 {
			list = append(list, u.Leader)
		}
	}
	return list
}

// sample looks at the units for the history. Of units that used no processor time since the last look
// all is as it was; else a glance will do, but for one whole look now and then, and while a glance
// does not see all.
func (b *Book) sample(units []Unit) (look, error) {
	m, can := b.meter.(glancer)
	if !can {
		return b.look(units)
	}
	spent, now := m.Spent(), time.Now() // before the look: what is used meanwhile counts for the next
	if spent != nil && now.Sub(b.looked) < trusted {
		known := b.before.units
		same := maps.Equal(spent, b.spent)
		if !same && !b.apart {
			known, same = m.Glance(leaders(units))
		}
		if same {
			b.spent = spent
			house, err := b.meter.Self()
			return look{at: now, units: known, house: house}, err
		}
	}
	b.spent, b.looked = spent, now
	whole, err := b.look(units)
	seen, _ := m.Glance(leaders(units))
	b.apart = !maps.EqualFunc(whole.units, seen, func(x, y Reading) bool { return x.Processes == y.Processes })
	return whole, err
}

// note writes one line of the history; Keep alone calls it.
func (b *Book) note(units []Unit) {
	now, err := b.sample(units)
	if err != nil {
		b.spent = nil
		return // the system does not tell; who asks is told
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	notes := make(map[string][]note, len(units))
	for _, u := range units {
		use := now.use(b.before, u.Leader.Mark)
		notes[u.Name] = remember(b.notes[u.Name], use)
	}
	b.notes = notes // units that are gone are forgotten
	b.ofHouse = remember(b.ofHouse, rate(now.house, b.before.house, now.at.Sub(b.before.at)))
	b.at = trim(append(b.at, now.at))
	b.before = now
}

func remember(notes []note, u Use) []note {
	return trim(append(notes, note{cpu: float32(u.CPU), memory: uint32(u.Memory >> 10)}))
}

// spare is how many notes beyond the hour are kept, so that they are moved only now and then.
const spare = 16

// trim keeps the last hour, in the place where it is.
func trim[T any](list []T) []T {
	if len(list) < kept+spare {
		return list
	}
	return list[:copy(list, list[len(list)-kept:])]
}

// use is what a launch used between two looks.
func (l look) use(before look, mark process.Mark) Use {
	now, ok := l.units[mark]
	if !ok {
		return Use{}
	}
	return rate(now, before.units[mark], l.at.Sub(before.at))
}

func rate(now, before Reading, between time.Duration) Use {
	u := Use{Memory: now.Memory, Processes: now.Processes}
	if between > 0 && now.CPU > before.CPU && before.Processes > 0 {
		u.CPU = (now.CPU - before.CPU).Seconds() / between.Seconds()
	}
	return u
}

// Now measures the units, over the time since somebody last asked when that was just now, else over
// a quarter of a second.
func (b *Book) Now(ctx context.Context, units []Unit) (byName map[string]Use, house Use, err error) {
	b.mu.Lock()
	before := b.asked
	b.mu.Unlock()
	if age := time.Since(before.at); before.at.IsZero() || age > Pace || age < briefly {
		if before, err = b.look(units); err != nil {
			return nil, Use{}, err
		}
		select {
		case <-time.After(briefly):
		case <-ctx.Done():
			return nil, Use{}, ctx.Err()
		}
	}
	now, err := b.look(units)
	if err != nil {
		return nil, Use{}, err
	}
	b.mu.Lock()
	b.asked = now
	b.mu.Unlock()
	byName = make(map[string]Use, len(units))
	for _, u := range units {
		byName[u.Name] = now.use(before, u.Leader.Mark)
	}
	return byName, rate(now.house, before.house, now.at.Sub(before.at)), nil
}

// Past is how one unit went over a span up to now, at most the last hour; the house itself when the
// name is empty. It is lean, for there may be many: whole seconds and thousandths of a core.
func (b *Book) Past(unit string, span time.Duration) Series {
	b.mu.Lock()
	defer b.mu.Unlock()
	notes := b.notes[unit]
	if unit == "" {
		notes = b.ofHouse
	}
	n := min(len(notes), kept, len(b.at))
	at, notes := b.at[len(b.at)-n:], notes[len(notes)-n:]
	first, now := 0, time.Now()
	for first < n && now.Sub(at[first]) > span {
		first++
	}
	s := Series{At: make([]time.Time, 0, n-first), CPU: make([]float64, 0, n-first), Memory: make([]int64, 0, n-first)}
	for i := first; i < n; i++ {
		s.At = append(s.At, at[i].UTC().Truncate(time.Second))
		s.CPU = append(s.CPU, Cores(float64(notes[i].cpu)))
		s.Memory = append(s.Memory, int64(notes[i].memory)<<10)
	}
	return s
}

// Cores rounds to a thousandth of a core: what is beyond is chance.
func Cores(n float64) float64 { return math.Round(n*1000) / 1000 }
