// SPDX-License-Identifier: Apache-2.0

package confine_test

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast"
	"holdfast/core/process"
	"holdfast/core/process/confine"
	"holdfast/holdfasttest/need"
)

// A try is what a confined child does, what it says to that, and what a free one says.
type try struct {
	do        []string
	want      string
	wantFree  string // "" for ok; "-" when a free one must not do it
	otherwise string // another answer that is as good
}

func check(t *testing.T, s process.Spec, tries []try) {
	t.Helper()
	var all [][]string
	for _, one := range tries {
		all = append(all, one.do)
	}
	for i, answer := range tryIn(t, s, all...) {
		if answer != tries[i].want && (tries[i].otherwise == "" || answer != tries[i].otherwise) {
			t.Errorf("%q: %s, want %s", tries[i].do, answer, tries[i].want)
		}
	}
}

// checkFree makes sure that the kernel allows without a sandbox what it refuses with one.
func checkFree(t *testing.T, tries []try) {
	t.Helper()
	var free []try
	for _, one := range tries {
		if one.wantFree == "-" {
			continue
		}
		one.want = one.wantFree
		if one.want == "" {
			one.want = "ok"
		}
		free = append(free, one)
	}
	check(t, process.Spec{}, free)
}

// A place is a home with a secret, a neighbour, and a folder of one's own; a path in it has a space
// and a line break, for names may have them.
type place struct{ home, own, data, secret, neighbour string }

func newPlace(t *testing.T) place {
	t.Helper()
	if abi := confine.Lacks(true); len(abi) > 0 {
		need.Missing(t, abi[0])
	}
	home := filepath.Join(t.TempDir(), "a home\nof two lines")
	p := place{
		home: home, own: filepath.Join(home, "extensions", "own"), data: filepath.Join(home, "var", "own"),
		secret: filepath.Join(home, ".env"), neighbour: filepath.Join(home, "extensions", "other"),
	}
	for _, dir := range []string{p.own, p.data, p.neighbour} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{p.secret, filepath.Join(p.neighbour, "main.py"), filepath.Join(p.own, "main.py")} {
		if err := os.WriteFile(file, []byte("KEY=secret\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p place) sandbox() *holdfast.Sandbox {
	return &holdfast.Sandbox{Write: []string{p.own, p.data}}
}

func TestFilesOutsideAreOutOfReach(t *testing.T) {
	p := newPlace(t)
	other := filepath.Join(p.neighbour, "main.py")
	tries := []try{
		{do: []string{"read", p.secret}, want: "EACCES"},
		{do: []string{"read", other}, want: "EACCES"},
		{do: []string{"list", p.home}, want: "EACCES"},
		{do: []string{"list", p.neighbour}, want: "EACCES"},
		{do: []string{"list", filepath.Join(p.own, "..", "other")}, want: "EACCES"},
		{do: []string{"link", p.secret, filepath.Join(p.own, "stolen")}, want: "EXDEV", otherwise: "EACCES"},
		{do: []string{"rename", other, filepath.Join(p.own, "moved")}, want: "EXDEV", otherwise: "EACCES", wantFree: "-"},
		{do: []string{"write", p.secret}, want: "EACCES", wantFree: "-"},
		{do: []string{"truncate", other}, want: "EACCES"},
		{do: []string{"remove", other}, want: "EACCES", wantFree: "-"},
		{do: []string{"mkdir", filepath.Join(p.home, "new")}, want: "EACCES"},
		{do: []string{"write", filepath.Join(p.home, "holdfast.yaml")}, want: "EACCES"},
		{do: []string{"write", "/usr/local/holdfast-was-here"}, want: "EACCES", wantFree: "-"},
		{do: []string{"write", "/proc/self/oom_score_adj"}, want: "EACCES", wantFree: "-"},
	}
	checkFree(t, tries)
	for _, made := range []string{filepath.Join(p.home, "new"), filepath.Join(p.own, "stolen"), filepath.Join(p.home, "holdfast.yaml")} {
		if err := os.Remove(made); err != nil {
			t.Fatal(err)
		}
	}
	check(t, process.Spec{Sandbox: p.sandbox()}, tries)
	// A link that leads out is as closed as what it leads to.
	check(t, process.Spec{Sandbox: p.sandbox()}, []try{
		{do: []string{"symlink", p.secret, filepath.Join(p.own, "link")}, want: "ok"},
		{do: []string{"read", filepath.Join(p.own, "link")}, want: "EACCES"},
		{do: []string{"write", filepath.Join(p.own, "link")}, want: "EACCES"},
	})
}

func TestOwnWorkGoesOn(t *testing.T) {
	p := newPlace(t)
	in := func(parts ...string) string { return filepath.Join(append([]string{p.own}, parts...)...) }
	check(t, process.Spec{Sandbox: p.sandbox(), Dir: p.own}, []try{
		{do: []string{"say", "main.py"}, want: "KEY=secret\n"},
		{do: []string{"write", in("file")}, want: "ok"},
		{do: []string{"truncate", in("file")}, want: "ok"},
		{do: []string{"mkdir", in("a")}, want: "ok"},
		{do: []string{"rename", in("file"), in("a", "file")}, want: "ok"}, // as package managers do
		{do: []string{"link", in("a", "file"), in("hard")}, want: "ok"},
		{do: []string{"rename", in("hard"), filepath.Join(p.data, "hard")}, want: "ok"},
		{do: []string{"remove", in("a", "file")}, want: "ok"},
		{do: []string{"write", "/dev/null"}, want: "ok"},
		{do: []string{"run", "sh", "-c", "echo fine >/dev/stderr"}, want: "fine"},
		{do: []string{"list", "/proc/self/fd"}, want: "ok"},
		{do: []string{"read", "/etc/passwd"}, want: "ok"},
		{do: []string{"run", "sh", "-c", "ls /usr/bin >/dev/null && echo fine"}, want: "fine"},
		{do: []string{"listen", "tcp", "127.0.0.1:0"}, want: "ok"},
		{do: []string{"listen", "unix", in("socket")}, want: "ok"},
	})
}

// A log's pipe lies in the home, and is opened anew by its path when a shell writes to /dev/stdout.
func TestTheLogsPipeCanBeOpenedAnew(t *testing.T) {
	p := newPlace(t)
	path := filepath.Join(p.home, "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pipe.Close() }()
	child, err := process.Start(process.Spec{
		Argv: []string{"/bin/sh", "-c", "echo one >/dev/stdout; echo two >/dev/stderr; true"}, Dir: p.home,
		Stdout: pipe, Stderr: pipe, Sandbox: p.sandbox(), Helper: helper(t),
		Env:  []string{"PATH=" + os.Getenv("PATH")},
		Mark: process.Mark{House: "confine", Unit: "u", Launch: t.Name()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.End(t.Context(), syscall.SIGKILL, 0) })
	lines := bufio.NewReader(pipe)
	for _, want := range []string{"one\n", "two\n"} {
		if got, err := lines.ReadString('\n'); err != nil || got != want {
			t.Fatalf("the pipe holds %q (%v), want %q", got, err, want)
		}
	}
}

func TestWhatIsNotLimitedStaysAsItWas(t *testing.T) {
	p := newPlace(t)
	s := process.Spec{Argv: []string{"/bin/sh", "-c", "ulimit -Sn; ulimit -Hn; nice; umask; id -G"}}
	free := output(t, s)
	s.Sandbox = p.sandbox()
	if confined := output(t, s); confined != free {
		t.Errorf("confined it says %q, free %q", confined, free)
	}
}

func TestOtherProcessesAreOutOfReach(t *testing.T) {
	p := newPlace(t)
	neighbour, _ := start(t, process.Spec{Argv: []string{"sleep", "1000"}, Sandbox: p.sandbox()})
	house := strconv.Itoa(os.Getpid())
	other := strconv.Itoa(neighbour.Identity().PID)
	tries := []try{
		{do: []string{"read", "/proc/" + house + "/environ"}, want: "EACCES"},
		{do: []string{"read", "/proc/" + other + "/environ"}, want: "EACCES"},
		{do: []string{"read", "/proc/" + house + "/fd/0"}, want: "EACCES"},
		{do: []string{"list", "/proc/" + house + "/root/"}, want: "EACCES"},
		{do: []string{"steal", house}, want: "EPERM"},
		{do: []string{"signal", house}, want: "EPERM"},
		{do: []string{"signal", other}, want: "EPERM"},
		{do: []string{"trace", other}, want: "EPERM", wantFree: "-"},
	}
	checkFree(t, tries)
	check(t, process.Spec{Sandbox: p.sandbox()}, tries)
	check(t, process.Spec{Sandbox: p.sandbox()}, []try{
		{do: []string{"say", "/proc/" + house + "/comm"}, want: name(t)},
		{do: []string{"run", "sh", "-c", "sleep 100 & kill $! && echo ended"}, want: "ended"}, // its own it may end
	})
}

func name(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRootGainsNothingFromBeingRoot(t *testing.T) {
	asRoot(t)
	p := newPlace(t)
	device := filepath.Join(p.own, "disk")
	tries := []try{
		{do: []string{"device", device}, want: "EACCES", otherwise: "EPERM"},
		{do: []string{"mount", p.own}, want: "EPERM", wantFree: "-"},
		{do: []string{"socket", strconv.Itoa(unix.AF_PACKET)}, want: "EPERM"},
	}
	checkFree(t, tries)
	if err := os.Remove(device); err != nil {
		t.Fatal(err)
	}
	check(t, process.Spec{Sandbox: p.sandbox()}, tries)
	status := tryIn(t, process.Spec{Sandbox: p.sandbox()}, []string{"say", "/proc/self/status"}, []string{"read", "/proc/kcore"})
	for _, line := range []string{"NoNewPrivs:\t1", "CapEff:\t00000000000005fb", "CapPrm:\t00000000000005fb", "CapBnd:\t00000000000005fb", "CapAmb:\t0000000000000000"} {
		if !strings.Contains(status[0], line+"\n") {
			t.Errorf("no %q in its status:\n%s", line, status[0])
		}
	}
	if status[1] == "ok" {
		t.Error("it reads the kernel's memory")
	}
}

func TestSetuidProgramsGainNothing(t *testing.T) {
	asRoot(t)
	newPlace(t)
	free := filepath.Join(os.TempDir(), "holdfast-confine-"+strconv.Itoa(os.Getpid()))
	if err := os.MkdirAll(free, 0o755); err != nil { // t.TempDir is closed to other users
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(free) })
	text, err := os.ReadFile("/usr/bin/id")
	if err != nil {
		t.Fatal(err)
	}
	id := filepath.Join(free, "id")
	if err := os.WriteFile(id, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(id, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	s := process.Spec{Argv: []string{id, "-u"}, Credential: nobody}
	if got := output(t, s); got != "0\n" {
		need.Missing(t, "the setuid bit has no effect here: "+got)
	}
	s.Sandbox = &holdfast.Sandbox{Read: []string{free}}
	if got := output(t, s); got != "65534\n" {
		t.Errorf("a setuid program of root runs as %s", got)
	}
}

func output(t *testing.T, s process.Spec) string {
	t.Helper()
	s.Env = append(s.Env, "PATH="+os.Getenv("PATH"))
	p, out, err := begin(t, s)
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, out)
	<-p.Done()
	return text
}

// A town is where sockets lead to.
type town struct{ tcp, udp, unix, abstract string }

func newTown(t *testing.T, p place) town {
	t.Helper()
	short, err := os.MkdirTemp("", "town") //nolint:usetesting // the path of a socket is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	at := town{unix: filepath.Join(short, "s"), abstract: "@holdfast-confine-" + strconv.Itoa(os.Getpid())}
	for _, path := range []string{at.unix, at.abstract} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	at.tcp, at.udp = tcp.Addr().String(), udp.LocalAddr().String()
	return at
}

func TestNetworkOff(t *testing.T) {
	p := newPlace(t)
	at := newTown(t, p)
	tries := []try{
		{do: []string{"dial", "tcp", at.tcp}, want: "EACCES"},
		{do: []string{"dial", "udp", at.udp}, want: "EACCES"},
		{do: []string{"dial", "unix", at.unix}, want: "EACCES"},
		{do: []string{"dial", "unix", at.abstract}, want: "EACCES"},
		{do: []string{"listen", "tcp", "127.0.0.1:0"}, want: "EACCES"},
		{do: []string{"listen", "unix", filepath.Join(p.own, "s")}, want: "EACCES", wantFree: "-"},
		{do: []string{"socket", strconv.Itoa(unix.AF_NETLINK)}, want: "EACCES"},
		{do: []string{"socket", strconv.Itoa(unix.AF_VSOCK)}, want: "EACCES", wantFree: "-"},
		{do: []string{"pair", strconv.Itoa(unix.SOCK_STREAM)}, want: "ok"},
		{do: []string{"pair", strconv.Itoa(unix.SOCK_SEQPACKET)}, want: "ok"},
		{do: []string{"pair", strconv.Itoa(unix.SOCK_DGRAM)}, want: "EACCES"}, // it could be sent elsewhere
		{do: []string{"ring"}, want: "EPERM", wantFree: "EFAULT", otherwise: "EINVAL"},
		{do: []string{"run", "sh", "-c", "echo fine"}, want: "fine", wantFree: "fine"},
	}
	checkFree(t, tries)
	box := p.sandbox()
	box.Network = "off"
	check(t, process.Spec{Sandbox: box}, tries)

	box = p.sandbox()
	box.Network = "off"
	got := output(t, process.Spec{Sandbox: box, Argv: []string{"python3", "-c", `
import socket, asyncio
for make in (lambda: socket.create_connection(("127.0.0.1", 9)), lambda: socket.socket(socket.AF_UNIX)):
    try:
        make()
        print("open")
    except PermissionError:
        print("closed")
print(asyncio.run(asyncio.sleep(0, "works")))
`}})
	if got != "closed\nclosed\nworks\n" {
		t.Errorf("python says %q", got)
	}
}

func TestForeignCallsAreNoWayAround(t *testing.T) {
	p := newPlace(t)
	box := p.sandbox()
	box.Network = "off"
	child, out := start(t, process.Spec{Sandbox: box}, []string{"foreign"})
	_ = read(t, out)
	<-child.Done()
	if exit := child.Exit(); exit.Signal != syscall.SIGSYS {
		t.Errorf("a system call of another kind: the child %s, want killed by SIGSYS", exit)
	}
}

func TestNetworkOn(t *testing.T) {
	p := newPlace(t)
	at := newTown(t, p)
	check(t, process.Spec{Sandbox: p.sandbox()}, []try{
		{do: []string{"dial", "tcp", at.tcp}, want: "ok"},
		{do: []string{"dial", "udp", at.udp}, want: "ok"},
		{do: []string{"dial", "unix", at.abstract}, want: "EPERM"}, // of another's, out of the sandbox
		{do: []string{"ring"}, want: "EFAULT", otherwise: "EINVAL"},
	})
}

// A confined web server in Python, in an environment that it makes for itself, is reached from
// outside.
func TestPythonServes(t *testing.T) {
	p := newPlace(t)
	// The names are plain, for the scripts of an environment do not bear a line break.
	p.own = filepath.Join(t.TempDir(), "own")
	if err := os.Mkdir(p.own, 0o700); err != nil {
		t.Fatal(err)
	}
	script := `python3 -m venv --without-pip .venv && echo hello > page && exec .venv/bin/python3 -u -c '
import http.server, functools
h = functools.partial(http.server.SimpleHTTPRequestHandler, directory=".")
s = http.server.HTTPServer(("127.0.0.1", 0), h)
print(s.server_port, flush=True)
s.handle_request()'`
	child, out, err := begin(t, process.Spec{
		Argv: []string{"sh", "-c", script}, Dir: p.own, Sandbox: p.sandbox(),
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.own, "PYTHONDONTWRITEBYTECODE=1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	port, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+strings.TrimSpace(port))
	if err != nil {
		t.Fatalf("%q: %v", port, err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("GET /page HTTP/1.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	n, _ := bufio.NewReader(conn).Read(answer)
	if !strings.Contains(string(answer[:n]), "200 OK") {
		t.Errorf("it answers %q", answer[:n])
	}
	<-child.Done()
}

// A home within a system folder is hidden, and what lies beside it is not.
func TestHomeInASystemFolderIsHidden(t *testing.T) {
	asRoot(t)
	newPlace(t)
	opt, err := os.MkdirTemp("/opt", "holdfast-confine-") //nolint:usetesting // it must be a system folder
	if err != nil {
		need.Missing(t, "there is no /opt: "+err.Error())
	}
	t.Cleanup(func() { _ = os.RemoveAll(opt) })
	home := filepath.Join(opt, "home")
	for _, dir := range []string{home, filepath.Join(opt, "beside")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tries := []try{
		{do: []string{"read", filepath.Join(home, "file")}, want: "EACCES"},
		{do: []string{"read", filepath.Join(opt, "beside", "file")}, want: "ok"},
	}
	check(t, process.Spec{Sandbox: &holdfast.Sandbox{}, Hidden: []string{home}}, tries)
	tries[0].want = "ok"
	check(t, process.Spec{Sandbox: &holdfast.Sandbox{}}, tries)
}
