// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"os"
	"strings"
	"testing"

	"holdfast"
	"holdfast/core/config"
	"holdfast/core/home"
)

func TestPortRangesAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		ui, services string
		want         string // of the only problem; empty for none
	}{
		"default":           {"5200-5299", "5300-5399", ""},
		"one port each":     {"1024-1024", "65535-65535", ""},
		"services below":    {"6000-6099", "5000-5099", ""},
		"empty":             {"", "5300-5399", `ui_ports: "" is no range`},
		"one number":        {"5200", "5300-5399", `ui_ports: "5200" is no range`},
		"no low":            {"-5299", "5300-5399", `ui_ports: "-5299" is no range`},
		"no high":           {"5200-", "5300-5399", `ui_ports: "5200-" is no range`},
		"three":             {"5200-5210-5220", "5300-5399", "is no range"},
		"words":             {"5200-5299", "low-high", `service_ports: "low-high" is no range`},
		"signs":             {"+5200-5299", "5300-5399", "is no range"},
		"spaces":            {"5200 - 5299", "5300-5399", "is no range"},
		"privileged":        {"1023-1100", "5300-5399", "1023-1100 is not within 1024-65535"},
		"beyond":            {"5200-5299", "65000-65536", "65000-65536 is not within 1024-65535"},
		"far beyond":        {"5200-99999999999999999999", "5300-5399", "is no range"},
		"backward":          {"5299-5200", "5300-5399", "5299-5200 is empty"},
		"same":              {"5200-5299", "5200-5299", "service_ports: 5200-5299 shares ports with ui_ports"},
		"touching":          {"5200-5300", "5300-5399", "shares ports with ui_ports, which is 5200-5300"},
		"one within other":  {"5000-6000", "5300-5399", "shares ports"},
		"other within one":  {"5310-5320", "5300-5399", "shares ports"},
		"services overlaps": {"5300-5399", "5200-5300", "shares ports"},
	} {
		problems := (&Settings{UIPorts: c.ui, ServicePorts: c.services}).Check()
		switch {
		case c.want == "" && len(problems) > 0:
			t.Errorf("%s: %v", name, problems)
		case c.want == "":
		case len(problems) != 1 || !strings.Contains(problems[0].String(), c.want) || problems[0].Remedy == "":
			t.Errorf("%s: %v, want %q", name, problems, c.want)
		}
	}
	if both := (&Settings{UIPorts: "x", ServicePorts: "y"}).Check(); len(both) != 2 {
		t.Errorf("two mistakes are %v", both)
	}
}

func TestTheSectionIsRead(t *testing.T) {
	b := newBench(t)
	c := b.Capability()
	if c.Section != "extensions" || c.Config == nil {
		t.Fatalf("section %q, %v", c.Section, c.Config)
	}
	read := func(yaml string) error {
		t.Helper()
		if err := os.WriteFile(b.home.Path("holdfast.yaml"), []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load(home.At(b.home.Dir()), []config.Section{{Name: c.Section, Into: c.Config}}, config.Options{Environ: []string{}})
		return err
	}
	if err := read("extensions:\n  ui_ports: 5200-5400\n"); err == nil || !strings.Contains(err.Error(), "shares ports") {
		t.Errorf("an overlap with a default: %v", err)
	}
	b.renew()
	c = b.Capability()
	if err := read("extensions: {ui_ports: 7000-7000, service_ports: 7100-7109}\n"); err != nil {
		t.Fatal(err)
	}
	b.full("first")
	b.full("second")
	b.sync()
	if u := b.units.of("first"); u["first.ui"].Port != 7000 || u["first.backend"].Port != 7100 {
		t.Errorf("ports %d and %d", u["first.ui"].Port, u["first.backend"].Port)
	}
	if u := b.units.of("second"); !strings.Contains(u["second.ui"].Blocked, "no port from 7000 to 7000 is free") || u["second.backend"].Port != 7101 {
		t.Errorf("second: %q, %d", u["second.ui"].Blocked, u["second.backend"].Port)
	}
}

func TestTheOperatorBoundsWhatAnExtensionUses(t *testing.T) {
	b := newBench(t)
	c := b.Capability()
	text := "extensions: {limits: {full: {memory: 64MiB, cpu: 0.5, processes: 20, nofile: 100, nice: 5}, ful: {nice: 1}}}\n"
	if err := os.WriteFile(b.home.Path("holdfast.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(home.At(b.home.Dir()), []config.Section{{Name: c.Section, Into: c.Config}}, config.Options{Environ: []string{}}); err != nil {
		t.Fatal(err)
	}
	b.full("full")
	b.put("full/config.json", `{"name": "Full", "version": "1", "mcp": {"command": "python3"}}`)
	b.full("free")
	report := b.sync()
	want := holdfast.Limits{NoFile: 100, Memory: 64 << 20, CPU: 0.5, Processes: 20, Nice: 5}
	for name, limits := range map[string]holdfast.Limits{"full": want, "free": {}} {
		units := b.units.of(name)
		for _, u := range units {
			if u.Limits != limits {
				t.Errorf("%s has %+v", u.Name, u.Limits)
			}
		}
		if len(units) != 3 {
			t.Errorf("%s has %d units", name, len(units))
		}
	}
	for _, s := range b.ToolServers() {
		if bound := strings.HasPrefix(s.Name, "full"); bound != (s.Limits == want) {
			t.Errorf("the tools of %s have %+v", s.Name, s.Limits)
		}
	}
	if len(report.Problems) != 1 || report.Problems[0].Field != "extensions.limits.ful" || report.Problems[0].Remedy != "did you mean full?" {
		t.Errorf("the unknown name is not told: %v", report.Problems)
	}
	for text, says := range map[string]string{
		"memory: 5":      "extensions.limits.full.memory: 5 bytes is less than any program starts with",
		"nofile: 1":      "extensions.limits.full.nofile",
		"cpu: -1":        "extensions.limits.full.cpu",
		"nice: 20":       "extensions.limits.full.nice",
		"descriptors: 5": "extensions.limits.full.descriptors",
	} {
		text = "extensions: {limits: {full: {" + text + "}}}\n"
		if err := os.WriteFile(b.home.Path("holdfast.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := Defaults()
		if _, err := config.Load(home.At(b.home.Dir()), []config.Section{{Name: c.Section, Into: &s}},
			config.Options{Environ: []string{}}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

func TestAPortOutsideTheRangeIsKept(t *testing.T) {
	b := newBench(t)
	b.full("full")
	b.sync()
	b.renew()
	b.settings = Settings{UIPorts: "6000-6009", ServicePorts: "6010-6019"}
	b.full("later")
	b.sync()
	for name, want := range map[string]int{"full.ui": 5200, "full.backend": 5300, "later.ui": 6000, "later.backend": 6010} {
		extension, _, _ := strings.Cut(name, ".")
		if u := b.units.of(extension)[name]; u.Port != want || u.Blocked != "" {
			t.Errorf("%s has %d (%s), want %d", name, u.Port, u.Blocked, want)
		}
	}
}
