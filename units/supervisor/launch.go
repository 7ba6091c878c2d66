// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
)

// probeSuffix tells the mark of an exec check from that of its unit's launch.
const probeSuffix = "-check"

// houseMark names a house in the marks of its processes: by the place of its home, so that a copy
// of a home never takes another's processes for its own.
func houseMark(h home.Home) string {
	dir, err := filepath.Abs(h.Dir())
	if err != nil {
		dir = h.Dir()
	}
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:6])
}

// workerLetter begins the fingerprint of a worker, so that its mark tells it from other units.
const workerLetter = "w"

// fingerprint covers what of a declaration reaches the process: when it changes, the unit restarts.
func fingerprint(u holdfast.Unit) string {
	data, err := json.Marshal(struct {
		Run, Secrets []string
		Dir, Log     string
		Env          map[string]string
		Port         int
		Kind         holdfast.UnitKind `json:",omitempty"`
		Limits       holdfast.Limits   `json:",omitzero"`
		Sandbox      *holdfast.Sandbox `json:",omitempty"`
		User         string            `json:",omitempty"`
	}{u.Run, u.Secrets, u.Dir, u.Log, u.Env, u.Port, u.Kind, u.Limits, u.Sandbox, u.User})
	if err != nil {
		return "" // texts and numbers always encode
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:4])
	if u.Worker {
		return workerLetter + digest
	}
	return digest
}

// isWorker tells from its mark alone whether a process belongs to a worker, of whatever house.
func isWorker(mark process.Mark) bool {
	return strings.HasPrefix(launchDigest(strings.TrimSuffix(mark.Launch, probeSuffix)), workerLetter)
}

// sameUnit compares two declarations whole, but for the descriptors.
func sameUnit(a, b holdfast.Unit) bool {
	a.Files, b.Files = nil, nil
	return reflect.DeepEqual(a, b)
}

// newLaunch names a launch time-random-fingerprint: the names sort by time, never repeat, and tell
// the next house from which declaration the process came.
func newLaunch(now time.Time, digest string) string {
	var chance [4]byte
	_, _ = rand.Read(chance[:]) // it cannot fail
	return fmt.Sprintf("%011s-%s-%s", strconv.FormatInt(now.UnixMilli(), 36), hex.EncodeToString(chance[:]), digest)
}

func launchDigest(launch string) string {
	_, digest, _ := cutLast(launch)
	return digest
}

// launchNames make the times in the names of launches rise, whatever the clock does.
type launchNames struct {
	mu   sync.Mutex
	last time.Time
}

// follow makes all further names come after that of a launch.
func (n *launchNames) follow(launch string) {
	at := launchTime(launch)
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.After(n.last) && at.Before(time.Now().AddDate(100, 0, 0)) { // else nobody of us made it
		n.last = at
	}
}

func (n *launchNames) next(now time.Time) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	if least := n.last.Add(time.Millisecond); now.Before(least) {
		now = least
	}
	n.last = now
	return now
}

// launchTime reads when a launch began from its name.
func launchTime(launch string) time.Time {
	text, _, _ := strings.Cut(launch, "-")
	ms, err := strconv.ParseInt(strings.TrimLeft(text, "0"), 36, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func cutLast(text string) (before, after string, found bool) {
	i := strings.LastIndexByte(text, '-')
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

// logName is the name of a unit's log, without its folder and ".log".
func logName(u holdfast.Unit) string { return filepath.Base(cmp.Or(u.Log, u.Name)) }

// logPath is a unit's log, relative to the home.
func logPath(u holdfast.Unit) string { return filepath.Join("var", "logs", logName(u)+".log") }

// A launcher makes the processes of units.
type launcher struct {
	home    home.Home
	host    process.Host
	house   string // as marks name it
	secrets secrets
	limbo   limbo
	helper  string // the program that confines launches
	notices *notices
	crowd   *crowd
	names   *launchNames
	output  output
}

// secrets answers the keys that units name.
type secrets interface {
	Get(name string) (holdfast.Secret, bool)
}

// mark names a launch that is to be made.
func (l *launcher) mark(unit holdfast.Unit, now time.Time) process.Mark {
	return process.Mark{House: l.house, Unit: unit.Name, Launch: newLaunch(l.names.next(now), fingerprint(unit))}
}

// obstacle names what keeps the unit from starting now: a missing secret or a port in use. A
// process that an earlier launch of the same unit left at the port is ended.
func (l *launcher) obstacle(ctx context.Context, unit holdfast.Unit) string {
	for _, name := range unit.Secrets {
		if _, ok := l.secret(name); !ok {
			return "the key " + name + " is not set; `holdfast keys set " + name + "` sets it"
		}
	}
	if reason := confinement(unit); reason != "" {
		return reason
	}
	if reason := l.taken(ctx, unit); reason != "" || !unit.Worker {
		return reason
	}
	return l.crowd.admit(unit.Name) // the last, for spawn follows
}

// taken names who holds the unit's port, empty when it is free.
func (l *launcher) taken(ctx context.Context, unit holdfast.Unit) string {
	if unit.Port == 0 || unit.Files != nil { // a unit that is handed its listener does not take the port
		return ""
	}
	holder, held := l.host.PortHolder(unit.Port)
	if held && holder.Mark.House == l.house && holder.Mark.Unit == unit.Name {
		_ = l.host.EndMarked(ctx, holder.Mark, syscall.SIGTERM, graceOf(unit.Stop))
		holder, held = l.host.PortHolder(unit.Port)
	}
	if held {
		return fmt.Sprintf("port %d is held by %s", unit.Port, holder)
	}
	return ""
}

// spec is what to start, without its descriptors.
func (l *launcher) spec(unit holdfast.Unit, mark process.Mark) (process.Spec, error) {
	spec := process.Spec{Argv: unit.Run, Dir: unit.Dir, Env: l.environment(unit), Mark: mark}
	return spec, l.confine(&spec, unit)
}

// probing is how exec checks run: as the unit does, with a mark of their own, so that ending a
// check never ends the unit. What bounds the unit's whole tree does not count for them.
func (l *launcher) probing(unit holdfast.Unit, mark process.Mark) (process.Spec, error) {
	if !asksProgram(unit.Ready) && !asksProgram(unit.Healthy) {
		return process.Spec{}, nil
	}
	mark.Launch += probeSuffix
	spec, err := l.spec(unit, mark)
	spec.Limits.Memory, spec.Limits.CPU, spec.Limits.Processes = 0, 0, 0
	return spec, err
}

func asksProgram(p *holdfast.Probe) bool { return p != nil && len(p.Exec) > 0 }

// spawn starts a process of the unit. Its output leads to the log keeper, or to its log file, and
// never to the house: it logs on when the house has died.
func (l *launcher) spawn(unit holdfast.Unit) (process.Child, error) {
	defer l.crowd.started(unit.Name)
	mark := l.mark(unit, time.Now())
	spec, err := l.spec(unit, mark)
	if err != nil {
		return nil, err
	}
	if spec.Stdout, spec.Stderr, err = l.output.Open(logName(unit)); err != nil {
		return nil, err
	}
	defer func() { _ = errors.Join(spec.Stdout.Close(), spec.Stderr.Close()) }()
	if unit.Files != nil {
		if spec.Extra, err = unit.Files(); err != nil {
			return nil, fmt.Errorf("cannot open descriptors: %w", err)
		}
	}
	if err := l.announce(unit, mark); err != nil {
		return nil, err
	}
	child, err := l.host.Start(spec)
	if err != nil {
		l.limbo.withdraw(unit.Name)
		return nil, err
	}
	l.limbo.made(unit.Name)
	l.notices.warn(unit, child)
	return voiced(l.output, unit, child), nil
}

// announce says that a launch is about to be made. A disk that takes nothing keeps no unit down but
// one that must not run twice: the process itself carries the mark that the next house looks for.
func (l *launcher) announce(unit holdfast.Unit, mark process.Mark) error {
	err := l.limbo.announce(mark)
	if unit.Restart == holdfast.RestartNever || !takesNothing(err) {
		return err
	}
	l.limbo.log.Warn("starts a unit unannounced", slog.String("unit", unit.Name), slog.Any("error", err))
	l.limbo.withdraw(unit.Name)
	return nil
}

// takesNothing tells an error of a disk that is full or cannot be written.
func takesNothing(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS)
}

// await waits until the process of an announced launch shows its mark.
func (l *launcher) await(ctx context.Context, mark process.Mark) (leftover, bool) {
	for end := time.Now().Add(limboPatience); ctx.Err() == nil && time.Now().Before(end); waitFor(ctx, gather) {
		found, err := l.host.Marked(l.house)
		if err != nil {
			break
		}
		i := slices.IndexFunc(found, func(f process.Found) bool { return f.Mark == mark && f.Leader })
		if i >= 0 {
			return leftover{mark: mark, leader: &found[i].Identity}, true
		}
	}
	return leftover{}, false
}

// environment is the small base, what the unit declares, and the keys that it names.
func (l *launcher) environment(unit holdfast.Unit) []string {
	env := map[string]string{"PATH": "/usr/local/bin:/usr/bin:/bin"}
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ"} {
		if value, ok := os.LookupEnv(name); ok && value != "" {
			env[name] = value
		}
	}
	for name, value := range unit.Env {
		env[name] = value
	}
	for _, name := range unit.Secrets {
		if secret, ok := l.secret(name); ok {
			env[name] = secret.Reveal()
		}
	}
	delete(env, holdfast.BypassVariable)
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

func (l *launcher) secret(name string) (holdfast.Secret, bool) {
	if l.secrets == nil {
		return holdfast.Secret{}, false
	}
	return l.secrets.Get(name)
}
