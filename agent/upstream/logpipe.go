// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bufio"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/agent/plain"
)

const (
	maxLogLine = 8 << 10
	maxLog     = 8 << 20 // then it becomes .1
)

// a logPipe takes a server's standard error into var/logs, line by line, stamped, without the
// secrets that the server was given, and keeps the last line for error texts.
type logPipe struct {
	path    string
	pipe    io.ReadCloser
	secrets []holdfast.Secret
	read    chan struct{}

	mu    sync.Mutex
	file  *os.File
	size  int64
	final string
}

func newLogPipe(pipe io.ReadCloser, path string, secrets []holdfast.Secret) *logPipe {
	l := &logPipe{path: path, pipe: pipe, secrets: secrets, read: make(chan struct{})}
	go l.copy()
	return l
}

func (l *logPipe) copy() {
	defer close(l.read)
	r := bufio.NewReaderSize(l.pipe, maxLogLine)
	for {
		line, err := r.ReadSlice('\n')
		if text := strings.TrimRight(string(line), "\r\n"); text != "" {
			l.write(l.mask(text), true)
		}
		if err != nil && err != bufio.ErrBufferFull { //nolint:errorlint // bufio answers it bare
			return
		}
	}
}

// note writes a line of the house's own.
func (l *logPipe) note(text string) { l.write("house: "+l.mask(text), false) }

func (l *logPipe) mask(text string) string {
	for _, s := range l.secrets {
		if value := s.Reveal(); len(value) >= 4 {
			text = strings.ReplaceAll(text, value, plain.Hidden)
		}
	}
	return text
}

func (l *logPipe) write(text string, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last && strings.TrimSpace(text) != "" {
		l.final = text
	}
	if l.file == nil || l.size > maxLog {
		l.open()
	}
	if l.file == nil {
		return // the log cannot be written; the tools can still be used
	}
	n, _ := l.file.WriteString(time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + " stderr " + text + "\n")
	l.size += int64(n)
}

func (l *logPipe) open() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
	if info, err := os.Stat(l.path); err == nil && info.Size() > maxLog {
		_ = os.Rename(l.path, l.path+".1")
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	l.file, l.size = file, 0
	if info, err := file.Stat(); err == nil {
		l.size = info.Size()
	}
}

// last is the last line that the server wrote, fit for an error text.
func (l *logPipe) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return plain.Show(plain.Text(l.final, 500))
}

// drain waits a moment for what was written last, for a process that died has said why just before.
func (l *logPipe) drain(within time.Duration) {
	wait := time.NewTimer(within)
	defer wait.Stop()
	select {
	case <-l.read:
	case <-wait.C:
	}
}

// close ends the copying and the file.
func (l *logPipe) close() {
	l.drain(politeness)
	_ = l.pipe.Close()
	<-l.read
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
