// SPDX-License-Identifier: Apache-2.0

package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast"
)

func TestParseHierarchies(t *testing.T) {
	for _, c := range []struct {
		name, mounts, own string
		want              map[string]string
	}{
		{
			"unified under systemd",
			"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			"0::/system.slice/holdfast.service\n",
			map[string]string{"": "/sys/fs/cgroup/system.slice/holdfast.service"},
		},
		{
			"hybrid",
			"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
				"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
				"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			"4:memory:/jobs/7\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n",
			map[string]string{
				"": "/sys/fs/cgroup/unified", "memory": "/sys/fs/cgroup/memory/jobs/7",
				"cpu": "/sys/fs/cgroup/cpu,cpuacct", "cpuacct": "/sys/fs/cgroup/cpu,cpuacct",
			},
		},
		{
			"a container that sees its own part only",
			"30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n", "0::/docker/abc/x\n",
			map[string]string{"": "/sys/fs/cgroup/x"},
		},
		{
			"a group outside of what is mounted",
			"30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n", "0::/docker/abcd\n",
			map[string]string{},
		},
		{
			"a group above the namespace",
			"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/../other\n",
			map[string]string{},
		},
		{
			"a house that moved itself, and a blank in the mount",
			`30 23 0:26 / /sys/fs/c\040g rw - cgroup2 cgroup2 rw` + "\n", "0::/a.service/holdfast-abc.house\n",
			map[string]string{"": "/sys/fs/c g/a.service"},
		},
		{"nonsense", "x\n- - - - - - -\n", "::\n1\n", map[string]string{}},
	} {
		got := parseHierarchies(c.mounts, c.own)
		if len(got) != len(c.want) {
			t.Errorf("%s: %d hierarchies, want %d: %+v", c.name, len(got), len(c.want), got)
		}
		for name, dir := range c.want {
			if got[name].dir != dir {
				t.Errorf("%s: %q is %q, want %q", c.name, name, got[name].dir, dir)
			}
		}
	}
}

func FuzzParseHierarchies(f *testing.F) {
	f.Add("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/\n")
	f.Fuzz(func(t *testing.T, mounts, own string) {
		for _, h := range parseHierarchies(mounts, own) {
			if strings.Contains(h.dir, "/../") {
				t.Errorf("it leads out: %q", h.dir)
			}
		}
	})
}

func TestGroupNames(t *testing.T) {
	a := launchGroup(Mark{House: "h", Unit: "notes/../../x y", Launch: "1"})
	b := launchGroup(Mark{House: "h", Unit: "notes/../../x y", Launch: "2"})
	if a == b || strings.ContainsAny(a, "/ ") || !strings.HasPrefix(a, "notes") {
		t.Errorf("names %q and %q", a, b)
	}
	if long := launchGroup(Mark{Unit: strings.Repeat("é", 500)}); len(long) > 200 {
		t.Errorf("a name of %d bytes", len(long))
	}
}

// TestBindWritesBothVersions holds what is written against the manual of the kernel, in plain folders.
func TestBindWritesBothVersions(t *testing.T) {
	limits := holdfast.Limits{Memory: 1 << 20, CPU: 0.25, Processes: 7}
	for version, want := range map[string]map[string]string{
		"2": {"memory.max": "1048576", "memory.swap.max": "0", "memory.oom.group": "1", "cpu.max": "25000 100000", "pids.max": "7"},
		"1": {
			"memory.limit_in_bytes": "1048576", "memory.memsw.limit_in_bytes": "1048576", "cpu.cfs_period_us": "100000",
			"cpu.cfs_quota_us": "25000", "pids.max": "7",
		},
	} {
		dir := t.TempDir()
		for file := range want {
			if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b := &berth{}
		for _, limit := range boundsOf(limits) {
			settings := limit.unified
			if version == "1" {
				settings = limit.legacy
			}
			if err := b.set(dir, limit.controller, settings); err != nil {
				t.Error(err)
			}
		}
		for file, value := range want {
			if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != value {
				t.Errorf("version %s: %s holds %q %v, want %q", version, file, got, err, value)
			}
		}
		if b.memory != dir {
			t.Errorf("version %s: the group that counts is %q", version, b.memory)
		}
	}
}

func TestMemoryKills(t *testing.T) {
	for file, text := range map[string]string{
		"memory.events":      "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\noom_group_kill 0\n",
		"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if n := memoryKills(dir); n != 2 {
			t.Errorf("%s tells of %d kills, want 2", file, n)
		}
	}
	if n := memoryKills(t.TempDir()); n != 0 {
		t.Errorf("%d kills where nothing is told", n)
	}
}

func TestTintsAndBrandsTellHousesApart(t *testing.T) {
	a, b := brandOf(Mark{House: "a", Unit: "u", Launch: "1"}), brandOf(Mark{House: "b", Unit: "u", Launch: "1"})
	if !a.valid() || a == b || a.sameHouse(b) || !a.sameHouse(brandOf(Mark{House: "a", Unit: "v", Launch: "2"})) {
		t.Errorf("brands %x and %x", a, b)
	}
	for i := range brand(1 << 12) {
		if tint := (brandKind | i).tint(); tint == 0 || tint&^tintBits != 0 {
			t.Fatalf("the tint of %x is %x", i, tint)
		}
	}
}
