// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/process"
)

// probeSuffix tells the mark of an exec check from that of its unit's launch.
const probeSuffix = "-check"

// HouseMark names a house in the marks of its processes: by the place of its home, so that a copy
// of a home never takes another's processes for its own.
func HouseMark(h home.Home) string {
	dir, err := filepath.Abs(h.Dir())
	if err != nil {
		dir = h.Dir()
	}
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:6])
}

// fingerprint covers what of a declaration reaches the process: when it changes, the unit restarts.
func fingerprint(u holdfast.Unit) string {
	data, err := json.Marshal(struct {
		Run, Secrets []string
		Dir, Log     string
		Env          map[string]string
		Port         int
	}{u.Run, u.Secrets, u.Dir, u.Log, u.Env, u.Port})
	if err != nil {
		return "" // texts and numbers always encode
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:4])
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

// logPath is a unit's log, relative to the home.
func logPath(u holdfast.Unit) string {
	name := u.Log
	if name == "" {
		name = u.Name
	}
	return filepath.Join("var", "logs", filepath.Base(name)+".log")
}

// spec is what to start, without its descriptors.
func (s *Supervisor) spec(unit holdfast.Unit, mark process.Mark) process.Spec {
	return process.Spec{Argv: unit.Run, Dir: unit.Dir, Env: s.environment(unit), Mark: mark}
}

// spawn starts a process of the unit with its output at the end of its log file, which the
// process holds itself: it logs on when the house has died.
func (s *Supervisor) spawn(unit holdfast.Unit, mark process.Mark) (process.Child, error) {
	log, err := os.OpenFile(s.options.Home.Path(logPath(unit)), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open log: %w", err)
	}
	defer func() { _ = log.Close() }()
	spec := s.spec(unit, mark)
	spec.Stdout, spec.Stderr = log, log
	if unit.Files != nil {
		if spec.Extra, err = unit.Files(); err != nil {
			return nil, fmt.Errorf("cannot open descriptors: %w", err)
		}
	}
	if err := s.announce(mark); err != nil {
		return nil, err
	}
	defer s.unannounce(unit.Name)
	return s.host.Start(spec)
}

// environment is the small base, what the unit declares, and the keys that it names.
func (s *Supervisor) environment(unit holdfast.Unit) []string {
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
		if secret, ok := s.secret(name); ok {
			env[name] = secret.Reveal()
		}
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

func (s *Supervisor) secret(name string) (holdfast.Secret, bool) {
	if s.options.Secrets == nil {
		return holdfast.Secret{}, false
	}
	return s.options.Secrets.Get(name)
}

func (s *Supervisor) makeFolders() error {
	for name, mode := range map[string]os.FileMode{"run": 0o700, "run/launching": 0o700, "logs": 0o700, "status": 0o755} {
		if err := os.MkdirAll(s.options.Home.Var(name), mode); err != nil {
			return fmt.Errorf("cannot make folder: %w", err)
		}
	}
	return nil
}
