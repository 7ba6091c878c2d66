// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"holdfast"
	"holdfast/core/home/disk"
	"holdfast/core/store"
)

// Node is the name under which this journal appends, empty until Settle.
func (j *Journal) Node() string { return *j.node.Load() }

// Settle gives the journal its node's name, once the store is open: the one in var/node, which is
// made from the host's name at the first start. So a host that is renamed keeps its name here, and
// its chain. A journal that New gave a name keeps it.
func (j *Journal) Settle(ctx context.Context) error {
	if j.Node() != "" {
		return nil
	}
	name, err := j.keptName()
	if err == nil && name == "" {
		name, err = j.makeName(ctx)
	}
	if err != nil {
		return fmt.Errorf("cannot settle this node's name: %w", err)
	}
	j.node.Store(&name)
	return nil
}

func (j *Journal) nodeFile() string { return j.archive.home.Var("node") }

// keptName reads var/node; it is empty when there is no such file yet.
func (j *Journal) keptName() (string, error) {
	text, err := os.ReadFile(j.nodeFile())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", disk.Explain("read", j.nodeFile(), err)
	}
	name := strings.TrimSpace(string(text))
	if name == "" || name != clean(name, mostName) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", holdfast.BadInput("", holdfast.Problem{
			File: j.nodeFile(), Message: "holds no name", Remedy: "one line, the node's name in `holdfast journal show --json`",
		})
	}
	return name, nil
}

// makeName claims a name in the store and keeps it. A crash in between leaves a claim without
// entries, which harms nobody.
func (j *Journal) makeName(ctx context.Context) (name string, err error) {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	err = j.store.Write(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		name, err = claim(ctx, tx, plain(host), j.store.Dialect() == store.SQLite)
		return err
	})
	if err != nil {
		return "", err
	}
	return name, j.archive.disk.WriteFile(j.nodeFile(), []byte(name+"\n"), 0o644)
}

// claim finds the node's name and gives it a head. A SQLite file is one node's, whatever its host
// was called, so its one chain goes on; in a database of several nodes a name that is there is
// another's.
func claim(ctx context.Context, tx store.Tx, want string, alone bool) (string, error) {
	heads, err := allHeads(ctx, tx)
	if err != nil {
		return "", err
	}
	if alone && len(heads) == 1 {
		for only := range heads {
			return only, nil
		}
	}
	name := want
	for n := 2; ; n++ {
		if _, taken := heads[name]; !taken {
			break
		}
		if alone {
			return name, nil
		}
		name = fmt.Sprintf("%s-%d", want, n)
	}
	_, err = tx.Exec(ctx, "INSERT INTO journal_heads (node, sequence, hash) VALUES (?, 0, '')", name)
	return name, err
}

const mostName = 256

// plain makes a name fit for a file: letters, digits, dot, dash and underscore.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-", r)) {
			return r
		}
		return '-'
	}, name)
	name = strings.Trim(name[:min(len(name), 64)], ".-_")
	if name == "" {
		return "node"
	}
	return name
}
