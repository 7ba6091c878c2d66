// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A ground is what the launches of one Machine share.
type ground struct {
	options     Options
	hierarchies func() hierarchies
	census      census
	// refused is set when the kernel does not start processes in groups that it lets us make.
	refused atomic.Bool
	// reaping is held by who takes the status of a child, for a list of children that is read
	// meanwhile may leave one out.
	reaping sync.RWMutex

	mu    sync.Mutex
	known map[int]*Process // our own children, until they are reaped
	under map[brand]*berth // launches whose end was not seen yet
	stale map[string]bool  // groups to be removed when the last has left them
	worn  map[tint]brand   // tints of launches whose end was not seen yet

	metering sync.Mutex
	said     map[int]remembered // marks of processes without a brand that is known
	glimpses map[Mark]glimpse
}

func newGround(o Options) *ground {
	g := &ground{
		options: o, known: map[int]*Process{}, under: map[brand]*berth{}, stale: map[string]bool{}, worn: map[tint]brand{},
	}
	g.hierarchies = sync.OnceValue(func() hierarchies {
		if o.NoGroups || os.Getenv(GroupsVariable) == "off" {
			return nil
		}
		return readHierarchies()
	})
	return g
}

// claim keeps the groups of a launch from being swept until it has ended whole.
func (g *ground) claim(b *berth) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.under[brandOf(b.mark)] = b
}

// register makes a launch known until it is reaped.
func (g *ground) register(p *Process) {
	g.claim(p.berth)
	if !p.child {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known[p.id.PID] = p
}

// bury takes the status of a child that nobody here waits for.
func (g *ground) bury(pid int) {
	g.reaping.Lock()
	defer g.reaping.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known[pid] == nil {
		_, _ = wait4(pid, syscall.WNOHANG)
	}
}

// reap takes the status of a launch's first process, which is our child and has ended; its number may
// be another's from then on. It waits for nobody, for all launches need its locks: errHeld says that
// the status is not there yet.
func (g *ground) reap(p *Process) (syscall.WaitStatus, error) {
	g.reaping.Lock()
	defer g.reaping.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	status, err := wait4(p.id.PID, syscall.WNOHANG)
	if err == nil {
		delete(g.known, p.id.PID)
	}
	return status, err
}

// forget leaves a child whose status does not come to who reaps orphans.
func (g *ground) forget(p *Process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known[p.id.PID] == p {
		delete(g.known, p.id.PID)
	}
}

// orphans lists the children of this process that no launch began with: those whose parents died,
// and what other parts of the program run. They are children of its first thread. Where the kernel
// was built without such lists, they are among all processes that no other launch branded.
func (g *ground) orphans(of brand) []int {
	list, ok := g.steadyChildren()
	if !ok {
		list = slices.DeleteFunc(pidsFrom(0), func(pid int) bool { b := readBrand(pid); return b.valid() && b != of })
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.DeleteFunc(list, func(pid int) bool { return g.known[pid] != nil })
}

// steadyChildren reads the list until it twice says the same: the kernel may pass over a child while
// another one is reaped.
func (g *ground) steadyChildren() ([]int, bool) {
	if g.options.noChildren {
		return nil, false
	}
	g.reaping.RLock()
	defer g.reaping.RUnlock()
	last, err := mainChildren()
	for range 8 {
		if err != nil {
			return nil, false
		}
		var again []int
		if again, err = mainChildren(); err == nil && slices.Equal(last, again) {
			return last, true
		}
		last = again
	}
	return nil, false
}

// reserve gives a launch its tint, unless one of the same tint has not ended: its end would take the
// other's first moments for its own.
func (g *ground) reserve(b brand) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, taken := g.worn[b.tint()]; !taken {
		g.worn[b.tint()] = b
	}
	return g.worn[b.tint()] == b
}

// tintOf tells the tint of a launch, 0 when it has none of its own.
func (g *ground) tintOf(b brand) tint {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.worn[b.tint()] != b {
		return 0
	}
	return b.tint()
}

// leave removes the groups of a launch that has ended, and the house's folder after the last one.
func (g *ground) leave(b *berth) {
	g.mu.Lock()
	defer g.mu.Unlock()
	which := brandOf(b.mark)
	if g.under[which] == b {
		delete(g.under, which)
	}
	if g.worn[which.tint()] == which {
		delete(g.worn, which.tint())
	}
	for _, dir := range b.folders() {
		g.stale[dir] = true
	}
	for dir := range g.stale {
		if removeGroup(dir) {
			delete(g.stale, dir)
			removeEmpty(filepath.Dir(dir))
		}
	}
}

// tidy removes the groups of a launch whose first process has ended, unless somebody is left there:
// then End does, or the next sweep.
func (g *ground) tidy(p *Process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, dir := range p.berth.folders() {
		if !removeGroup(dir) {
			return
		}
		removeEmpty(filepath.Dir(dir))
	}
	if g.under[p.brand] == p.berth {
		delete(g.under, p.brand)
	}
}

// berths are those of the launches whose end was not seen yet.
func (g *ground) berths() []*berth {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Values(g.under))
}

// marksOf names launches by their brands.
func marksOf(list []*berth) map[brand]Mark {
	all := make(map[brand]Mark, len(list))
	for _, b := range list {
		all[brandOf(b.mark)] = b.mark
	}
	return all
}

// inUse tells whether a launch that has not ended stands in the group.
func (g *ground) inUse(dir string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.under {
		if slices.Contains(b.folders(), dir) {
			return true
		}
	}
	return false
}

// on gives the ground of a Machine; the zero Machine shares nothing between its calls.
func (m Machine) on() *ground {
	if m.ground == nil {
		return newGround(Options{})
	}
	return m.ground
}

// Start starts a launch.
func (m Machine) Start(spec Spec) (Child, error) { return asChild(m.on().start(spec)) }

// Adopt watches a living process.
func (m Machine) Adopt(id Identity) (Child, error) { return asChild(m.on().adopt(id)) }

// Marked lists the living processes of a house.
func (m Machine) Marked(house string) ([]Found, error) { return m.on().marked(house) }

// EndMarked ends all that carries a mark.
func (m Machine) EndMarked(ctx context.Context, mark Mark, s syscall.Signal, grace time.Duration) error {
	return m.on().endMarked(ctx, mark, s, grace)
}

// PortHolder tells who listens on a port.
func (Machine) PortHolder(port int) (Holder, bool) { return PortHolder(port) }

// Start starts a launch in a session and process group of its own; a confined one is there when its
// program runs.
func Start(spec Spec) (*Process, error) { return newGround(Options{}).start(spec) }

// Adopt watches a living process by its identity. One that is our child all the same, because this
// program took the place of the one that started it, is reaped, and its status known.
func Adopt(id Identity) (*Process, error) { return newGround(Options{}).adopt(id) }
