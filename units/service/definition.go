// SPDX-License-Identifier: Apache-2.0

package service

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"holdfast"
)

// The managers of services that Holdfast writes for.
const (
	systemd = "systemd"
	launchd = "launchd"
	rcd     = "rc.d"
)

// here is the manager that a system of this kind has.
func here() string {
	switch runtime.GOOS {
	case "darwin":
		return launchd
	case "freebsd":
		return rcd
	}
	return systemd
}

// A definition is what a service file says, in no system's form.
type definition struct {
	Manager string
	Name    string
	User    bool // a service of the person, not of the system
	Program string
	House   string // the home
	// Account, Group and Folder are of who the house runs as.
	Account, Group, Folder string
	UID                    string
	// Path is where units find programs.
	Path string
	// Stop is how many seconds the house has to end.
	Stop int
}

// names are what a service may be called, by manager.
var names = map[string]*regexp.Regexp{
	systemd: regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,60}$`),
	launchd: regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,60}$`),
	rcd:     regexp.MustCompile(`^[a-z][a-z0-9_]{0,60}$`),
}

// define settles what is to be written.
func (s *Services) define(manager, name, account string, own bool) (definition, error) {
	d := definition{Manager: cmp.Or(manager, here()), Name: name, User: own, House: s.needs.Home.Dir()}
	if !names[d.Manager].MatchString(name) {
		return d, holdfast.BadInput("", holdfast.Problem{Field: "name", Message: fmt.Sprintf("%q cannot name a service of %s", name, d.Manager), Remedy: "want lower-case letters and digits, as in holdfast"})
	}
	if d.User && d.Manager == rcd {
		return d, holdfast.BadInput("", holdfast.Problem{Field: "user", Message: "rc.d has no services of persons", Remedy: "leave it out"})
	}
	program, err := s.needs.Program()
	if err != nil {
		return d, fmt.Errorf("cannot tell which program to start: %w", err)
	}
	d.Program, d.Path, d.Stop = program, searchPath(os.Getenv("PATH")), s.needs.stopWithin()
	if err := d.who(account); err != nil {
		return d, err
	}
	for field, text := range map[string]string{"program": d.Program, "home": d.House, "account": d.Account, "group": d.Group, "the account's folder": d.Folder} {
		if err := writable(field, text); err != nil {
			return d, err
		}
	}
	return d, nil
}

const (
	// leastStop is how long a house has to end at least, and stopMargin what it has beside the longest
	// grace of a unit: for those that end before and after it, and for itself.
	leastStop  = 120 * time.Second
	stopMargin = 60 * time.Second
)

// stopWithin is how many seconds the system must give the house before it kills it.
func (n Needs) stopWithin() int {
	within := leastStop
	if n.Grace != nil {
		within = max(within, n.Grace()+stopMargin)
	}
	return int(math.Ceil(within.Seconds()))
}

// writable refuses what no service file can hold.
func writable(field, text string) error {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return holdfast.BadInput("", holdfast.Problem{Field: field, Message: fmt.Sprintf("%q cannot stand in a service file: it holds control characters", text)})
	}
	if strings.TrimSpace(text) != text || strings.HasSuffix(text, `\`) {
		return holdfast.BadInput("", holdfast.Problem{Field: field, Message: fmt.Sprintf("%q cannot stand in a service file: it begins or ends with a space or a backslash", text)})
	}
	return nil
}

// who settles who the house runs as: the account named, else the owner of the home.
func (d *definition) who(account string) error {
	found, err := owner(d.House)
	if account != "" {
		found, err = user.Lookup(account)
	}
	if d.User {
		found, err = user.Current()
	}
	if err != nil {
		return holdfast.Errorf(holdfast.CodeBadInput, "cannot tell who the house would run as, name it by --account: %w", err)
	}
	d.Account, d.Folder, d.UID, d.Group = found.Username, found.HomeDir, found.Uid, found.Gid
	if group, err := user.LookupGroupId(found.Gid); err == nil {
		d.Group = group.Name
	}
	return nil
}

func owner(dir string) (*user.User, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return user.Current()
	}
	return user.LookupId(strconv.FormatUint(uint64(stat.Uid), 10))
}

// searchPath is PATH without what means nothing, or something else, in a service.
func searchPath(path string) string {
	var dirs []string
	for _, dir := range append(filepath.SplitList(path), "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin") {
		if filepath.IsAbs(dir) && writable("", dir) == nil && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, string(filepath.ListSeparator))
}

// file is where the definition stands.
func (d definition) file() string {
	switch d.Manager {
	case launchd:
		if d.User {
			return filepath.Join(d.Folder, "Library", "LaunchAgents", d.Name+".plist")
		}
		return filepath.Join("/Library", "LaunchDaemons", d.Name+".plist")
	case rcd:
		return filepath.Join("/usr/local/etc/rc.d", d.Name)
	}
	if !d.User {
		return filepath.Join("/etc/systemd/system", d.Name+".service")
	}
	config := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(config) {
		config = filepath.Join(d.Folder, ".config")
	}
	return filepath.Join(config, "systemd", "user", d.Name+".service")
}

func (d definition) mode() os.FileMode {
	if d.Manager == rcd {
		return 0o555
	}
	return 0o644
}

// text is the whole file, its mark included.
func (d definition) text() string {
	switch d.Manager {
	case launchd:
		return d.sealed(d.plist(), "<!-- ", " -->")
	case rcd:
		return d.sealed(d.script(), "# ", "")
	}
	return d.sealed(d.unit(), "# ", "")
}

// markWord begins the line by which Holdfast knows a file as its own: whose home it starts, and the
// SHA-256 of all other lines.
const markWord = "holdfast-service"

// sealed puts the mark in the second line; the first tells readers what kind of file it is.
func (d definition) sealed(body, open, shut string) string {
	first, rest, _ := strings.Cut(body, "\n")
	mark := fmt.Sprintf("%s%s home=%s sha256=%s%s", open, markWord, d.house(), hexSum([]byte(body))[:32], shut)
	return first + "\n" + mark + "\n" + rest
}

// house names the home by a digest, which every format can hold.
func (d definition) house() string { return hexSum([]byte(d.House))[:12] }

func hexSum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// A maker is what a file says of who wrote it.
type maker struct {
	ours    bool // Holdfast wrote it
	house   string
	changed bool // somebody changed it since
}

// makerOf reads the mark.
func makerOf(text string) maker {
	first, rest, _ := strings.Cut(text, "\n")
	mark, rest, _ := strings.Cut(rest, "\n")
	fields := strings.Fields(mark)
	at := slices.Index(fields, markWord)
	if at < 0 || len(fields) < at+3 {
		return maker{}
	}
	house, one := strings.CutPrefix(fields[at+1], "home=")
	sum, two := strings.CutPrefix(fields[at+2], "sha256=")
	if !one || !two {
		return maker{}
	}
	return maker{ours: true, house: house, changed: hexSum([]byte(first + "\n" + rest))[:32] != sum}
}
