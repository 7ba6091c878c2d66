// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"holdfast"
	"holdfast/core/home/disk"
	"holdfast/core/store"
)

const suffix = ".jsonl.gz"

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// write makes the file of one month: beside its place, durable, read back, and then named.
func (a *archiver) write(ctx context.Context, path string, want *Archive) error {
	if err := a.trace("write"); err != nil {
		return err
	}
	tmp := disk.TemporaryName(path)
	if err := a.fill(ctx, tmp, *want); err != nil {
		_ = os.Remove(tmp)
		return disk.Explain("write", path, err)
	}
	if err := a.trace("verify"); err != nil {
		return err
	}
	if reason := readBack(tmp, want); reason != "" {
		_ = os.Remove(tmp)
		return holdfast.Errorf(holdfast.CodeFailed, "%s %s when read back, so nothing was removed", want.File, reason)
	}
	if err := a.trace("name"); err != nil {
		return err
	}
	return disk.Explain("name", path, os.Rename(tmp, path))
}

// settleFile makes an archive and its name last, also one that an earlier attempt left: a kill may
// have come before its name was on the disk.
func (a *archiver) settleFile(path string) error {
	if err := a.trace("sync"); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return disk.Explain("sync", path, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return disk.Explain("sync", path, err)
	}
	return a.disk.SyncDir(filepath.Dir(path))
}

func (a *archiver) fill(ctx context.Context, tmp string, want Archive) error {
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 64<<10)
	zip := gzip.NewWriter(out) // without name and time: the same entries make the same file
	err = a.lines(ctx, zip, want)
	return errors.Join(err, zip.Close(), out.Flush(), f.Sync(), f.Close())
}

// lines writes the entries as an export has them. What does not hold is not archived: it is
// evidence, and stays where journal.verify names it.
func (a *archiver) lines(ctx context.Context, w io.Writer, want Archive) error {
	last := head{sequence: want.First - 1, hash: want.previous}
	end := head{sequence: want.Last, hash: want.Hash}
	return a.j.store.Read(ctx, func(ctx context.Context, tx store.Tx) error {
		err := scan(ctx, tx, " WHERE node = ? AND sequence <= ? ORDER BY sequence", []any{want.Node, want.Last}, func(r row) error {
			if reason := r.wrong(last, end); reason != "" {
				return holdfast.Errorf(holdfast.CodeFailed, "the journal does not hold at entry %d of node %s: %s", last.sequence+1, want.Node, reason)
			}
			err := writeLine(w, last.hash, r.hash, r.text)
			last = head{sequence: r.sequence, hash: r.hash}
			return err
		})
		if err == nil && last != end {
			err = fmt.Errorf("entry %d of node %s is missing", last.sequence+1, want.Node)
		}
		return err
	})
}

// readBack reads an archive from its first byte to its last and says what differs from want, empty
// when nothing does. It fills in size and SHA-256 where want has none.
func readBack(path string, want *Archive) (reason string) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "is missing"
	}
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	raw := io.TeeReader(f, sum)
	if reason := entriesOf(raw, *want); reason != "" {
		return reason
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return "cannot be read: " + err.Error()
	}
	hash := hex.EncodeToString(sum.Sum(nil))
	if want.SHA256 != "" && want.SHA256 != hash {
		return "was altered: its SHA-256 is another"
	}
	info, err := f.Stat()
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	want.SHA256, want.Bytes = hash, info.Size()
	return ""
}

// entriesOf checks the entries of an archive: all of want's, in order, and none besides.
func entriesOf(raw io.Reader, want Archive) (reason string) {
	zip, err := gzip.NewReader(raw)
	if err != nil {
		return "was altered: " + err.Error()
	}
	last := head{sequence: want.First - 1, hash: want.previous}
	v, err := walkExport(zip, func(l exported, r record) *Break {
		if r.Node != want.Node || r.Sequence != last.sequence+1 || r.Sequence > want.Last || l.Previous != last.hash {
			return &Break{Node: r.Node, Sequence: r.Sequence, Reason: fmt.Sprintf("does not follow entry %d", last.sequence)}
		}
		last = head{sequence: r.Sequence, hash: l.Hash}
		return nil
	})
	switch {
	case err != nil:
		return "was altered: " + err.Error()
	case v.Broken != nil:
		return "was altered at " + v.Broken.String()
	case last != want.head():
		return fmt.Sprintf("was altered: it ends with entry %d", last.sequence)
	}
	return ""
}
