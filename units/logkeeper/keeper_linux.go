// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
)

const (
	// patience is how long lines wait for a log that cannot be written before they are given up.
	patience = 30 * time.Second
	// idleLine is how long an unfinished line may stand still before it is written as a part.
	idleLine = time.Second
	// retryAfter is the pause before a log that could not be written is tried again.
	retryAfter = 250 * time.Millisecond
	// chores is how often the keeper looks after what hardly changes.
	chores = time.Minute
	// breather is how long a busy keeper lets lines gather, so that it takes many at once; a batch of
	// plenty does without.
	breather = time.Millisecond
	plenty   = 8 << 10
)

// A keeper is the process: one loop over all pipes (run).
type keeper struct {
	*porter
	home    home.Home
	morgue  *morgue
	epoll   int
	notify  int
	ask     int
	asked   []byte
	watches map[int]string // folders by their inotify watch

	packAt   time.Time
	choresAt time.Time
	end      ending
	// alone is since when there has been neither a house nor a unit.
	alone time.Time
}

// An ending says whether the keeper goes on.
type ending int

const (
	goesOn ending = iota
	// stops leaves everything to a successor.
	stops
	// finishes takes what is left and removes the pipes, for the house has ended in order.
	finishes
)

func newKeeper(h home.Home, log *slog.Logger, now func() time.Time) (_ *keeper, err error) {
	k := &keeper{
		porter: newPorter(log), home: h, epoll: -1, notify: -1, ask: -1, watches: map[int]string{},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.close())
		}
	}()
	if k.clerk, err = newClerk(h, now); err != nil {
		return nil, err
	}
	k.clerk.state.head().trouble.tell(Trouble{}) // what the one before could not write, this one tries
	if k.peeker, err = newPeeker(); err != nil {
		return nil, err
	}
	if k.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("cannot wait for pipes: %w", err)
	}
	k.morgue = newMorgue(h, k.epoll)
	k.morgue.recall()
	if k.notify, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
		return nil, fmt.Errorf("cannot watch folders: %w", err)
	}
	if err = k.watchFolders(); err != nil {
		return nil, err
	}
	if err := makePipe(askFile(h)); err != nil {
		return nil, err
	}
	if k.ask, _, err = openPipe(askFile(h), unix.O_NONBLOCK); err != nil {
		return nil, err
	}
	if err = errors.Join(k.await(k.notify), k.await(k.ask)); err != nil {
		return nil, err
	}
	k.reload()
	k.clerk.find(logsDir(h))
	k.packAt = time.Now().Add(packAfter)
	return k, k.scan()
}

func (k *keeper) close() error {
	var errs []error
	for _, p := range k.pipes {
		errs = append(errs, unix.Close(p.fd))
	}
	if k.morgue != nil {
		k.morgue.close()
	}
	for _, fd := range []int{k.epoll, k.notify, k.ask} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	if k.peeker != nil {
		errs = append(errs, k.peeker.close())
	}
	if k.clerk != nil {
		errs = append(errs, k.clerk.close())
	}
	return errors.Join(errs...)
}

func (k *keeper) await(fd int) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: int32(fd)}
	if err := unix.EpollCtl(k.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("cannot wait for a pipe: %w", err)
	}
	return nil
}

func (k *keeper) watchFolders() error {
	masks := map[string]uint32{
		pipesDir(k.home): unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_MOVED_FROM,
		logsDir(k.home):  unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO,
	}
	for dir, mask := range masks {
		wd, err := unix.InotifyAddWatch(k.notify, dir, mask|unix.IN_ONLYDIR|unix.IN_DELETE_SELF)
		if err != nil {
			return fmt.Errorf("cannot watch %s: %w", dir, err)
		}
		k.watches[wd] = dir
	}
	return nil
}

// scan takes up the pipes that are there and lets go of those that are not.
func (k *keeper) scan() error {
	names, err := namesIn(pipesDir(k.home))
	if err != nil {
		return fmt.Errorf("cannot look for pipes: %w", err)
	}
	for _, p := range k.pipes {
		k.checkName(p)
	}
	for _, name := range names {
		k.takeUp(name)
	}
	return nil
}

// takeUp opens a pipe that is new.
func (k *keeper) takeUp(name string) {
	log, stream, ok := logOf(name)
	if !ok {
		return
	}
	fd, ino, err := openPipe(k.home.Var("run", "pipes", name), unix.O_NONBLOCK)
	if err != nil {
		if !errors.Is(err, unix.ENOENT) {
			k.log.Error("cannot keep a log", slog.Any("error", err))
		}
		return
	}
	for _, p := range k.pipes {
		if p.name == name && p.ino == ino && !p.gone {
			_ = unix.Close(fd) // it is known
			return
		}
	}
	p := &pipe{name: name, log: log, stream: stream, fd: fd, ino: ino}
	if err := k.await(fd); err != nil {
		k.log.Error("cannot keep a log", slog.Any("error", err))
		_ = unix.Close(fd)
		return
	}
	k.pipes[fd] = p
	k.push(p)
}

// checkName notes when the name of a pipe leads elsewhere or nowhere.
func (k *keeper) checkName(p *pipe) {
	var st unix.Stat_t
	if p.gone {
		return
	}
	if err := unix.Lstat(k.home.Var("run", "pipes", p.name), &st); err != nil || st.Ino != p.ino {
		p.gone = true
		delete(k.pipes, p.fd)
		p.onlyRead(k.await)
		k.pipes[p.fd] = p
		k.push(p)
	}
}

// run goes on until it is told to end, and has.
func (k *keeper) run() error {
	for {
		if err := k.loop(); err != nil || k.end == stops {
			return err
		}
		if k.finish(); k.end != goesOn {
			return nil
		}
		for _, p := range k.pipes {
			k.push(p)
		}
	}
}

// loop serves the pipes until it is told to end.
func (k *keeper) loop() error {
	events := make([]unix.EpollEvent, 128)
	last := time.Now()
	for k.end == goesOn {
		happened, err := k.wait(events, k.timeout())
		if err != nil {
			return err
		}
		k.clerk.state.head().beat.Add(1)
		for _, e := range happened {
			k.happened(int(e.Fd), e.Events)
		}
		k.serve()
		k.clock(time.Now())
		if now := time.Now(); now.Sub(last) < breather && k.largest < plenty && len(k.queue) == 0 {
			nap(breather)
		}
		last, k.largest = time.Now(), 0
	}
	return nil
}

// happened answers what the kernel tells of a descriptor.
func (k *keeper) happened(fd int, events uint32) {
	switch p := k.pipes[fd]; {
	case p != nil:
		if p.troubled.IsZero() {
			k.push(p)
		}
	case fd == k.ask:
		k.hear()
	case fd == k.notify:
		k.look()
	default:
		k.morgue.happened(fd, events)
	}
}

// look answers changes of the folders.
func (k *keeper) look() {
	buffer := make([]byte, 16<<10)
	for {
		n, err := unix.Read(k.notify, buffer)
		if err != nil || n <= 0 {
			return
		}
		for rest := buffer[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			var e change
			e, rest = nextChange(rest)
			k.changed(e)
		}
	}
}

func (k *keeper) changed(e change) {
	switch {
	case e.mask&unix.IN_Q_OVERFLOW != 0:
		_ = k.scan()
		k.checkBooks()
	case e.mask&(unix.IN_DELETE_SELF|unix.IN_IGNORED) != 0:
		delete(k.watches, e.watch)
		k.end = stops // what follows finds its place again, or there is no home any more
	case k.watches[e.watch] == logsDir(k.home):
		if log, ok := strings.CutSuffix(e.name, ".log"); ok && k.clerk.books[log] != nil && k.clerk.books[log].moved() {
			k.clerk.books[log].close()
		}
	case e.mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0:
		k.takeUp(e.name)
	default:
		for _, p := range k.pipes {
			if p.name == e.name {
				k.checkName(p)
			}
		}
	}
}

func (k *keeper) checkBooks() {
	for _, b := range k.clerk.books {
		if b.moved() {
			b.close()
		}
	}
}

// hear reads what the house asks.
func (k *keeper) hear() {
	buffer := make([]byte, 4096)
	for {
		n, err := unix.Read(k.ask, buffer)
		if err != nil || n <= 0 {
			return
		}
		k.asked = append(k.asked, buffer[:n]...)
		for {
			line, rest, ok := strings.Cut(string(k.asked), "\n")
			if !ok {
				break
			}
			k.asked = append(k.asked[:0], rest...)
			k.obey(line)
		}
	}
}

func (k *keeper) obey(line string) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "ping":
	case "reload":
		k.reload()
	case "stop", "finish":
		if rest != strconv.Itoa(os.Getpid()) {
			return // it was for a keeper before this one
		}
		k.end = stops
		if word == "finish" {
			k.end = finishes
		}
	case "house", "watch", "forget":
		if word == "house" && k.end == finishes {
			k.end = goesOn // it is the next one, and takes this keeper over
		}
		if err := k.morgue.obey(word, rest); err != nil {
			k.log.Error("cannot do what the house asks", slog.String("line", line), slog.Any("error", err))
		}
	default:
		k.log.Error("does not know what the house asks", slog.String("line", line))
	}
}

func (k *keeper) reload() {
	settings, err := readSettings(k.home)
	if err != nil {
		k.log.Error("keeps logs by the defaults", slog.Any("error", err))
	}
	k.clerk.settings = settings
}

// printer is where the keeper itself says what goes wrong.
func printer(to io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// homeGone tells that there is nothing left to keep.
func (k *keeper) homeGone() bool {
	_, err := os.Stat(pipesDir(k.home))
	return errors.Is(err, os.ErrNotExist)
}
