// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// allocated is how many bytes work allocates.
func allocated(work func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestALineOfAGigabyte is passed over in bounded memory, and what stands around it counts.
func TestALineOfAGigabyte(t *testing.T) {
	b := newBench(t)
	b.write(talk, line(1, 1, ""))
	if err := os.Truncate(b.path(talk), 1<<30); err != nil { // a hole, which reads as zeros without an end
		t.Fatal(err)
	}
	b.add(talk, "\n"+line(2, 10, ""))
	var tick Tick
	if n := allocated(func() { tick = b.scan() }); n > 400<<20 {
		t.Errorf("%d MiB were allocated", n>>20)
	}
	b.want(11)
	if tick.Passed != 1 {
		t.Errorf("%+v", tick)
	}
	if tick = b.scan(); tick.Bytes != 0 {
		t.Errorf("read again: %+v", tick)
	}
}

// TestALargeFileOfOneObject is not read, and that is said until it is gone.
func TestALargeFileOfOneObject(t *testing.T) {
	b := newBench(t)
	const name = ".gemini/tmp/p/chats/session-1.json"
	b.write(name, "{")
	if err := os.Truncate(b.path(name), 1<<30); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var tick Tick
		if n := allocated(func() { tick = b.scan() }); n > 1<<20 || len(tick.Problems) != 1 || !tick.Problems[0].Form {
			t.Errorf("%d bytes, %+v", n, tick)
		}
	}
}

// TestWhatIsNoFile is neither opened nor waited for, whatever it is called.
func TestWhatIsNoFile(t *testing.T) {
	b := newBench(t)
	for _, folder := range []string{".claude/projects/-p", ".codex/sessions", ".gemini/tmp/p/chats", ".local/share/opencode/storage/message/s"} {
		b.write(folder+"/keep", "")
		for _, name := range []string{"pipe.jsonl", "pipe.json"} {
			if err := syscall.Mkfifo(b.path(folder+"/"+name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for name, to := range map[string]string{
			"zero.jsonl": "/dev/zero", "zero.json": "/dev/zero", "full.jsonl": "/dev/full", "random.json": "/dev/random",
			"tty.jsonl": "/dev/tty", "linked.jsonl": "pipe.jsonl", "self.jsonl": "self.jsonl", "up": "..",
		} {
			if err := os.Symlink(to, b.path(folder+"/"+name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(b.path(folder+"/folder.jsonl"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b.write(talk, line(1, 7, ""))
	for _, name := range []string{"socket.jsonl"} {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Close(fd) }()
		t.Chdir(b.path(".claude/projects/-p"))
		if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if tick := b.scan(); tick.Files != 1 {
		t.Errorf("%+v", tick)
	}
	b.want(7)
}

// TestAFileThatBecameAPipe after it was looked at would be waited for.
func TestAFileThatBecameAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f := &file{path: path, source: Claude, stamp: stamp{Size: 100}}
	var w worker
	if _, err := w.read(f, newParents(nil)); !errors.Is(err, errNoFile) {
		t.Errorf("%v", err)
	}
	if firstLine(path) != nil {
		t.Error("a pipe has a first line")
	}
	codexEvents(path, func(codexEvent) bool { return true })
}

// TestFoldersThatLeadToEachOther are met once each: the paths to them are more than can be walked.
func TestFoldersThatLeadToEachOther(t *testing.T) {
	b := newBench(t)
	b.write(talk, line(1, 1, ""))
	for level := range 30 {
		folder := fmt.Sprintf(".claude/projects/level%d", level)
		b.write(fmt.Sprintf("%s/%d.jsonl", folder, level), line(level+2, 10, ""))
		for link := range 4 {
			if err := os.Symlink(fmt.Sprintf("../level%d", level+1), b.path(fmt.Sprintf("%s/link%d", folder, link))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if tick := b.scan(); tick.Files != 31 {
		t.Errorf("%+v", tick)
	}
	b.want(301)
	if err := os.Symlink(b.path(".claude"), b.path(".config")); err != nil { // and to the other root
		t.Fatal(err)
	}
	if err := os.Symlink(b.path(".claude"), b.path(".claude/claude")); err != nil {
		t.Fatal(err)
	}
	b.scan()
	b.want(301)
}

// TestAFileThatIsReplacedWhileItIsRead ends as its last text says; in between nothing is made up.
func TestAFileThatIsReplacedWhileItIsRead(t *testing.T) {
	b := newBench(t)
	b.write(talk, "")
	texts := []string{
		strings.Repeat(line(1, 1, ""), 3000), line(2, 10, ""), strings.Repeat(line(3, 100, ""), 700) + line(4, 1000, ""), "", strings.Repeat("x", 100_000),
	}
	end, done := make(chan struct{}), make(chan error, 1)
	go func() {
		var err error
		for n := 0; err == nil; n++ {
			select {
			case <-end:
				done <- nil
				return
			default:
			}
			text := texts[n%len(texts)]
			if n%3 == 0 { // written over in its place
				err = os.WriteFile(b.path(talk), []byte(text), 0o600)
				continue
			}
			if err = os.WriteFile(b.path("next"), []byte(text), 0o600); err == nil {
				err = os.Rename(b.path("next"), b.path(talk))
			}
		}
		done <- err
	}()
	for range 300 {
		b.scan()
	}
	close(end)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.write(talk, texts[2])
	b.scan()
	b.scan()
	allowed := map[int64]bool{1: true, 10: true, 100: true, 1000: true}
	found := map[int64]int{}
	for _, r := range b.got {
		found[r.Usage.Input]++
		if !allowed[r.Usage.Input] {
			t.Errorf("made up: %+v", r)
		}
	}
	if found[100] != 1 || found[1000] != 1 || found[1] > 1 || found[10] > 1 {
		t.Errorf("%v", found)
	}
}

// TestNulBytes stand between lines, within names, and for a whole file.
func TestNulBytes(t *testing.T) {
	b := newBench(t)
	b.write(talk, "\x00\x00\n"+line(1, 1, "")+"\x00"+line(2, 10, "")+strings.Replace(line(3, 100, ""), `"claude-x"`, `"claude\u0000x"`, 1)+
		strings.Replace(line(4, 1000, ""), `"s1"`, "\"s\x001\"", 1))
	b.write(other, strings.Repeat("\x00", 4096))
	b.scan()
	b.want(1101) // what a NUL stands before is no JSON
	for _, r := range b.got {
		if r.Key == "" || strings.ContainsAny(r.Key, "\x00") {
			t.Errorf("%+v", r)
		}
	}
}

// TestDeepJSON is a matter of length: nothing calls itself.
func TestDeepJSON(t *testing.T) {
	deep := strings.Repeat("[", 4<<20) + strings.Repeat("]", 4<<20)
	wide := strings.Repeat(`{"a":`, 1<<20) + "1" + strings.Repeat("}", 1<<20)
	open := strings.Repeat(`{"message":{"usage":[`, 1<<19)
	b := newBench(t)
	b.write(talk, line(1, 1, `,"x":`+deep)+line(2, 10, `,"data":`+wide)+strings.Replace(line(3, 100, ""), `"usage":{`, `"usage":{"iterations":`+deep+`,`, 1)+open+"\n")
	b.write(".codex/sessions/a.jsonl", `{"timestamp":"2026-11-01T10:00:00.000Z","type":"event_msg","payload":{"type":"token_count","info":{"x":`+wide+`,"last_token_usage":{"input_tokens":1000}}}}`+"\n"+open+`"token_count"`+"\n")
	b.write(".gemini/tmp/p/chats/a.json", `{"messages":[{"id":"1","type":"gemini","model":"m","timestamp":"2026-11-01T10:00:00.000Z","x":`+deep+`,"tokens":{"input":10000,"y":`+wide+`}}]}`)
	b.write(".local/share/opencode/storage/message/s/m.json", `{"id":"m","modelID":"m","x":`+deep+`,"time":{"created":1793527200123},"tokens":{"input":100000,"cache":`+wide+`}}`)
	b.scan()
	b.want(111111)
}

// TestCountsThatAreNone neither count nor spoil what can be added up.
func TestCountsThatAreNone(t *testing.T) {
	for _, n := range []string{"-1", "-9223372036854775808", "9223372036854775807", "9223372036854775808", "1e999", "-1e5", "NaN", "0x10", `"5"`, "null", "true", "[5]", `{"a":5}`, "1.7976931348623157e308", "00000000000000000000000000000000000000001e"} {
		b := newBench(t)
		b.write(talk, fmt.Sprintf(`{"sessionId":"s","requestId":"r","timestamp":"2026-11-01T10:00:00.000Z","message":{"id":"m","model":"x","usage":{"input_tokens":%s,"output_tokens":%s,"cache_read_input_tokens":%s}}}`, n, n, n)+"\n")
		b.write(".codex/sessions/a.jsonl", fmt.Sprintf(`{"timestamp":"2026-11-01T10:00:00.000Z","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":%s,"output_tokens":%s,"total_tokens":%s},"last_token_usage":{"input_tokens":%s,"cached_input_tokens":%s,"output_tokens":%s}}}}`, n, n, n, n, n, n)+"\n")
		b.write(".gemini/tmp/p/chats/a.jsonl", fmt.Sprintf(`{"id":"1","type":"gemini","model":"m","timestamp":"2026-11-01T10:00:00.000Z","tokens":{"input":%s,"output":%s,"cached":%s,"thoughts":%s,"tool":%s,"total":%s}}`, n, n, n, n, n, n)+"\n")
		b.write(".local/share/opencode/storage/message/s/m.json", fmt.Sprintf(`{"id":"m","modelID":"m","cost":%s,"time":{"created":1793527200123,"completed":%s},"tokens":{"input":%s,"output":%s,"reasoning":%s,"cache":{"read":%s,"write":%s}}}`, n, n, n, n, n, n, n))
		b.scan()
		for _, r := range b.got {
			t.Errorf("%s: %+v", n, r)
		}
	}
	// The largest that a log may claim can be added up a thousand times.
	b := newBench(t)
	b.write(talk, strings.Replace(line(1, maxCount, ""), `"output_tokens":0`, fmt.Sprintf(`"output_tokens":%d,"cache_read_input_tokens":%d,"cache_creation_input_tokens":%d`, maxCount, maxCount, maxCount), 1))
	b.scan()
	for _, r := range b.got {
		if total := r.Usage.Total(); total != 4*maxCount || total > math.MaxInt64/1000 {
			t.Errorf("%+v", r)
		}
	}
}

// TestTimesThatCannotBe are read or refused, and can be written down.
func TestTimesThatCannotBe(t *testing.T) {
	for text, want := range map[string]int{
		"0001-01-01T00:00:00.000Z": 1, "0000-01-01T00:00:00+14:00": 1, "9999-12-31T23:59:59.999Z": 1, "9999-12-31T23:59:59-14:00": 1,
		"1969-12-31T23:59:59.999Z": 1, "2026-02-30T00:00:00.000Z": 0, "2026-13-01T00:00:00.000Z": 0, "2026-11-01T24:00:00.000Z": 0,
		"12026-11-01T10:00:00.000Z": 0, "-2026-11-01T10:00:00Z": 0, "2026-11-01": 0, "now": 0, "": 0, "1793527200": 0,
	} {
		b := newBench(t)
		b.write(talk, strings.Replace(line(1, 5, ""), "2026-11-01T10:00:01.000Z", text, 1))
		b.write(".codex/sessions/a.jsonl", fmt.Sprintf(`{"timestamp":"%s","type":"session_meta","payload":{"id":"a","forked_from_id":"b"}}`+"\n"+`{"timestamp":"%s","type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":5}}}}`+"\n", text, text))
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(b.path(".codex/sessions/a.jsonl"), old, old); err != nil {
			t.Fatal(err)
		}
		b.scan()
		if len(b.got) != 2*want {
			t.Errorf("%q: %d calls, want %d", text, len(b.got), 2*want)
		}
		state, err := b.s.State()
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		b.fresh()
		if err := b.s.Restore(state, nil); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for millis, want := range map[string]int{"1": 1, "0": 0, "-5": 0, "1e15": 1, "1e300": 0, `"2026"`: 0} {
		b := newBench(t)
		b.write(".local/share/opencode/storage/message/s/m.json", fmt.Sprintf(`{"id":"m","modelID":"m","time":{"created":%s},"tokens":{"input":5}}`, millis))
		b.scan()
		if len(b.got) != want {
			t.Errorf("created %s: %d calls, want %d", millis, len(b.got), want)
		}
	}
}

// TestAHundredThousandFiles are followed in bounded memory, and a look at them reads none.
func TestAHundredThousandFiles(t *testing.T) {
	b := newBench(t)
	const folders, each = 50, 2000
	text := b.path("text")
	for n := range folders {
		folder := b.path(fmt.Sprintf(".claude/projects/-p%d", n))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(text, []byte(line(n, 1, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		for i := range each { // one text a folder, under many names
			if err := os.Link(text, fmt.Sprintf("%s/%d.jsonl", folder, i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(text); err != nil {
			t.Fatal(err)
		}
	}
	b.scan()
	b.want(folders)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if tick := b.scan(); tick.Files != folders*each || tick.Read != 0 || tick.Unread != 0 {
		t.Errorf("%+v", tick)
	}
	if state, err := b.s.State(); err != nil || len(state) > 64<<20 {
		t.Errorf("%d MiB of state, %v", len(state)>>20, err)
	}
	b.s = nil
	runtime.GC()
	runtime.ReadMemStats(&after)
	if held := int64(before.HeapAlloc) - int64(after.HeapAlloc); held > 150<<20 {
		t.Errorf("%d MiB are held for %d files", held>>20, folders*each)
	}
}

// TestTooManyFiles are not followed, and that is said of the folders that are left out.
func TestTooManyFiles(t *testing.T) {
	s := New(Options{Roots: []Root{{Claude, t.TempDir()}}})
	s.tick, s.files = &Tick{}, make([]*file, mostFiles)
	path := s.trees[0].Path
	if err := os.WriteFile(path+"/a.jsonl", []byte(line(1, 1, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	s.walk(s.trees[0].top, s.trees[0], 0, map[place]bool{})
	if len(s.files) != mostFiles || len(s.tick.Problems) != 1 || !errors.Is(s.tick.Problems[0].Err, errTooMany) {
		t.Errorf("%d files, %v", len(s.files), s.tick.Problems)
	}
	s.files = nil
	s.walk(s.trees[0].top, s.trees[0], 0, map[place]bool{})
	if len(s.files) != 1 {
		t.Errorf("%d files once there is room", len(s.files))
	}
	if _, err := os.Stat(path + "/a.jsonl"); errors.Is(err, fs.ErrNotExist) {
		t.Error("a log is gone")
	}
	s.tick = &Tick{}
	many := make(map[place]bool, mostFolders)
	for n := range uint64(mostFolders) {
		many[place{Claude, 1 << 60, n}] = true
	}
	for range 2 {
		s.walk(s.trees[0].top, s.trees[0], 0, many)
	}
	if len(s.tick.Problems) != 1 || !errors.Is(s.tick.Problems[0].Err, errTooManyFolders) {
		t.Errorf("%v", s.tick.Problems)
	}
}

// TestALinkOutward is not followed: what holds the logs' folder would be walked whole.
func TestALinkOutward(t *testing.T) {
	b := newBench(t)
	b.write(talk, line(1, 1, ""))
	b.write("far/p/far.jsonl", line(2, 10, ""))
	b.write("outside.jsonl", line(3, 100, ""))
	for name, to := range map[string]string{"all": b.home, "machine": "/", "parent": "../../..", "itself": ".", "far": b.path("far")} {
		if err := os.Symlink(to, b.path(".claude/projects/-p/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	b.scan()
	b.want(11)
}
