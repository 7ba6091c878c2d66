// SPDX-License-Identifier: Apache-2.0

//go:build unix

package confine

import (
	"errors"
	"strings"
	"syscall"
)

// refused marks what the helper tells of a launch that fails the same again however often it is
// tried, until somebody changes what it asks for or what is allowed.
const refused = "\x00"

// Heard reads what the helper told on the descriptor STATUS: why the program does not run, and
// whether it is refused for good.
func Heard(text string) (why string, forGood bool) { return strings.CutPrefix(text, refused) }

// tell is what the helper tells of an error.
func tell(err error) string {
	if _, forGood := errors.AsType[refusal](err); forGood {
		return refused + err.Error()
	}
	return err.Error()
}

// A refusal is an error that does not pass by itself.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// judged makes an error of a step a refusal where the system says no, and not that it cannot now.
func judged(err error) error {
	for _, no := range []syscall.Errno{syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP} {
		if errors.Is(err, no) {
			return refusal{err}
		}
	}
	return err
}
