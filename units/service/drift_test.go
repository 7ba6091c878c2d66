// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/journal/journaltest"
)

func awaitText(t *testing.T, read func() (string, error), want string) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := read()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("no %q: %q, %v", want, text, err)
		case <-tick.C:
		}
	}
}

// programs puts shell scripts on PATH in front of everything; each answers by its arguments.
func programs(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		put(t, filepath.Join(dir, name), "#!/bin/sh\n"+script)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// onlyHere is a PATH on which no manager is.
func onlyHere(t *testing.T) { t.Setenv("PATH", t.TempDir()) }

// The output of systemctl 252 as it prints it to a pipe.
const systemctlScript = `case "$*" in
*Version*) echo Version=252.38-1~deb12u1;;
*list-unit-files*) cat <<'END'
acme-web.service                       enabled         enabled
acme-old.service                       disabled        enabled
acme-@.service                         static          -
acme-stray.timer                       enabled         enabled
cron.service                           enabled         enabled
dbus.socket                            static          -
END
;;
*list-units*) cat <<'END'
acme-web.service      loaded    active   running   Acme web
● acme-dead.service   loaded    failed   failed    Acme dead
acme-data.mount       loaded    active   mounted   /acme
cron.service          loaded    active   running   Regular background program processing daemon
END
;;
*show*)
	show() { printf 'Id=%s\nLoadState=%s\nActiveState=%s\nSubState=%s\nUnitFileState=%s\nFragmentPath=%s\n\n' "$@"; }
	show acme-web.service loaded active running enabled "$FILES/acme-web.service"
	show acme-old.service loaded inactive dead disabled "$FILES/acme-old.service"
	show acme-gone.service not-found inactive dead '' ''
	show acme-stray.timer loaded active waiting enabled "$FILES/acme-stray.timer"
	show acme-dead.service loaded failed failed enabled "$FILES/acme-dead.service"
;;
esac
`

func states(r Registry) map[string]State {
	all := map[string]State{}
	for _, row := range r.Services {
		all[row.Label] = row.State
	}
	return all
}

func compared(t *testing.T, s *Services) Registry {
	t.Helper()
	r, err := s.compare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wants(t *testing.T, r Registry, status string, want map[string]State) {
	t.Helper()
	got := states(r)
	if r.Status != status {
		t.Errorf("it is %s, want %s", r.Status, status)
	}
	for label, state := range want {
		if got[label] != state {
			t.Errorf("%s is %q, want %s", label, got[label], state)
		}
	}
	if len(got) != len(want) {
		t.Errorf("it tells of %v, want %v", got, want)
	}
}

func TestDriftOfSystemd(t *testing.T) {
	files := t.TempDir()
	t.Setenv("FILES", files)
	programs(t, map[string]string{"systemctl": systemctlScript})
	for _, name := range []string{"acme-web.service", "acme-old.service", "acme-dead.service", "acme-stray.timer"} {
		put(t, filepath.Join(files, name), name)
	}
	s := installation(t, "plain")
	s.settings.Prefixes = []string{"acme-"}
	s.settings.Registered = map[string]Registered{
		"acme-web": {Manager: systemd, SHA256: hexSum([]byte("acme-web.service"))}, "acme-old.service": {Manager: systemd},
		"acme-gone": {Manager: systemd}, "acme-dead": {Manager: systemd, SHA256: hexSum([]byte("another"))},
	}
	wants(t, compared(t, s), "drift", map[string]State{
		"acme-web": OK, "acme-old.service": Missing, "acme-gone": Missing, "acme-dead": Changed, "acme-stray.timer": Unregistered,
	})
	_, err := s.showDrift(t.Context(), action.Nothing{})
	known, ok := errors.AsType[*holdfast.Error](err)
	if !ok || len(known.Problems) != 4 {
		t.Fatalf("the action says %v", err)
	}
	alerts := s.alert().Firing(t.Context())
	if len(alerts) != 4 || alerts[0].Name != "service_drift" {
		t.Errorf("it alerts %v", alerts)
	}
	if c := s.check().Run(t.Context()); c.Status != holdfast.StatusWarn || c.Values["drift"] != 4 {
		t.Errorf("the check says %+v", c)
	}
	s.settings.Prefixes = nil
	s.settings.Registered = map[string]Registered{"acme-web": {Manager: systemd}}
	wants(t, compared(t, s), "ok", map[string]State{"acme-web": OK})
	if len(s.alert().Firing(t.Context())) != 0 || s.check().Run(t.Context()).Status != holdfast.StatusOK {
		t.Error("it still complains")
	}
	if r, err := s.showDrift(t.Context(), action.Nothing{}); err != nil || r.Status != "ok" {
		t.Errorf("the action says %v, %v", r, err)
	}
	if err := os.Remove(filepath.Join(files, "acme-web.service")); err != nil {
		t.Fatal(err)
	}
	wants(t, compared(t, s), "drift", map[string]State{"acme-web": Missing})
}

func TestDriftOfLaunchd(t *testing.T) {
	programs(t, map[string]string{"launchctl": `printf 'PID\tStatus\tLabel\n-\t0\tcom.apple.mdworker\n412\t0\tcom.acme.web\n-\t78\tcom.acme.stray\n-\t-9\tcom.acme.dead\n'`})
	s := installation(t, "plain")
	put(t, s.root+"/Library/LaunchDaemons/com.acme.web.plist", "<plist/>")
	s.settings.Registered = map[string]Registered{
		"com.acme.web": {Manager: launchd, SHA256: hexSum([]byte("<plist>"))}, "com.acme.dead": {Manager: launchd}, "com.acme.none": {Manager: launchd},
	}
	wants(t, compared(t, s), "drift", map[string]State{"com.acme.web": Changed, "com.acme.dead": OK, "com.acme.none": Missing})
}

func TestDriftOfRC(t *testing.T) {
	programs(t, map[string]string{"service": `printf '/etc/rc.d/syslogd\n/usr/local/etc/rc.d/acme_web\n'`})
	s := installation(t, "plain")
	put(t, s.root+"/usr/local/etc/rc.d/acme_web", "#!/bin/sh\n")
	s.settings.Registered = map[string]Registered{"acme_web": {Manager: rcd}, "acme_gone": {Manager: rcd}}
	r := compared(t, s)
	wants(t, r, "drift", map[string]State{"acme_web": OK, "acme_gone": Missing})
	for _, row := range r.Services {
		if row.Label == "acme_web" && row.SHA256 != hexSum([]byte("#!/bin/sh\n")) {
			t.Errorf("its digest is %q", row.SHA256)
		}
	}
}

func TestDriftOfCron(t *testing.T) {
	programs(t, map[string]string{"crontab": `printf '# acme-off\n*/5 * * * * /opt/acme/acme-backup --all\n@daily "acme-report" now\n'`})
	s := installation(t, "plain")
	s.settings.Registered = map[string]Registered{"acme-backup": {Manager: cron}, "acme-report": {Manager: cron}, "acme-off": {Manager: cron}}
	wants(t, compared(t, s), "drift", map[string]State{"acme-backup": OK, "acme-report": OK, "acme-off": Missing})
	programs(t, map[string]string{"crontab": "echo 'no crontab for root' >&2; exit 1"})
	s.settings.Registered = map[string]Registered{"acme-backup": {Manager: cron}}
	wants(t, compared(t, s), "drift", map[string]State{"acme-backup": Missing})
}

// What nobody could look at is never well.
func TestAnAbsentManagerIsNotSuccess(t *testing.T) {
	s := installation(t, "plain")
	s.settings.Registered = map[string]Registered{"a": {Manager: systemd}, "b": {Manager: launchd}, "c": {Manager: rcd}, "d": {Manager: cron}}
	everything := map[string]State{"a": NotChecked, "b": NotChecked, "c": NotChecked, "d": NotChecked}
	onlyHere(t)
	r := compared(t, s)
	wants(t, r, "not-checked", everything)
	for _, looked := range r.Managers {
		if looked.Checked || looked.Why != "no "+looked.Manager+" here" {
			t.Errorf("of %s it says %+v", looked.Manager, looked)
		}
	}
	if _, err := s.showDrift(t.Context(), action.Nothing{}); err == nil {
		t.Error("the action is content")
	}
	if c := s.check().Run(t.Context()); c.Status != holdfast.StatusUnknown || !strings.Contains(c.Detail, "not checked: no") {
		t.Errorf("the check says %+v", c)
	}
	const refuses = "echo 'System has not been booted with systemd as init system (PID 1). Can'\\''t operate.' >&2; exit 1"
	programs(t, map[string]string{"systemctl": refuses, "launchctl": "exit 3", "service": "exit 1", "crontab": "exit 127"})
	r = compared(t, s)
	wants(t, r, "not-checked", everything)
	if !strings.Contains(r.Services[len(r.Services)-1].Detail, "has not been booted with systemd") {
		t.Errorf("it does not say why: %+v", r.Services)
	}
}

// A program that hangs, or prints without end, is not waited for.
func TestAHangingManagerIsNotWaitedFor(t *testing.T) {
	s := installation(t, "plain")
	s.settings.Registered = map[string]Registered{"a": {Manager: systemd}}
	programs(t, map[string]string{"systemctl": "exec sleep 1000"})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := s.compare(ctx); err == nil {
		t.Error("it is content")
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	programs(t, map[string]string{"systemctl": "yes '● ● ●' | head -c 20000000"})
	wants(t, compared(t, s), "drift", map[string]State{"a": Missing})
}

func TestNothingRegisteredAsksNobody(t *testing.T) {
	s := installation(t, "plain")
	s.run = func(_ context.Context, line ...string) (string, error) {
		t.Errorf("it asked %q", line)
		return "", nil
	}
	wants(t, compared(t, s), "nothing", nil)
	if c := s.check().Run(t.Context()); c.Status != holdfast.StatusOK {
		t.Errorf("the check says %+v", c)
	}
}

// What install wrote counts as registered with the file that it wrote.
func TestWhatWasInstalledIsRegistered(t *testing.T) {
	s := installation(t, "plain")
	s.run = absent
	path := install(t, s, installIn{Service: systemd}).File
	s.run = command
	t.Setenv("UNIT", path)
	programs(t, map[string]string{"systemctl": `case "$*" in *list*) echo "holdfast.service enabled enabled";; *Version*) echo Version=252;;
*) printf 'Id=holdfast.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nFragmentPath=%s\n' "$UNIT";; esac`})
	s.settings.Prefixes = []string{"holdfast"}
	wants(t, compared(t, s), "ok", map[string]State{"holdfast": OK})
	put(t, path, "[Service]\n")
	wants(t, compared(t, s), "drift", map[string]State{"holdfast": Changed})
}

// The house journals a drift when it changes; who merely asks writes nothing.
func TestAChangeOfTheDriftIsJournaled(t *testing.T) {
	s := installation(t, "plain")
	var book journaltest.Journal
	s.needs.Journal = &book
	s.settings.Registered = map[string]Registered{"acme": {Manager: rcd}}
	told := ""
	for _, c := range []struct {
		script, drift string
		entries       int
	}{{"exit 0", "acme missing", 1}, {"exit 0", "acme missing", 1}, {"echo /usr/local/etc/rc.d/acme", "", 2}, {"exit 1", "", 2}} {
		programs(t, map[string]string{"service": c.script})
		put(t, filepath.Join(s.root, "usr/local/etc/rc.d/acme"), "")
		before := len(book.Entries())
		r := compared(t, s)
		if wrote := book.Entries()[before:]; len(wrote) > 0 {
			t.Errorf("%q: asking wrote %+v", c.script, wrote)
		}
		var err error
		if told, err = s.tell(t.Context(), r, told); err != nil || told != c.drift || len(book.Entries()) != c.entries {
			t.Errorf("%q: told %q, %d entries, %v", c.script, told, len(book.Entries()), err)
		}
	}
	if first := book.Entries()[0]; !strings.Contains(string(first.Detail), "acme missing") || first.Action != "service.drift" {
		t.Errorf("the journal says %+v", first)
	}
}
