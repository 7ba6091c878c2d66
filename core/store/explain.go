// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"holdfast"
)

// place names a database in errors.
type place struct{ dialect, name string }

// explain puts the failures that an operator can do something about into words, and passes
// everything else on.
func (p place) explain(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*holdfast.Error](err); ok {
		return err
	}
	message := ""
	if code, ok := errors.AsType[*sqlite.Error](err); ok {
		message = messageSQLite(code.Code())
	} else if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		message = messagePostgres(answer.Code)
	} else if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return p.unavailable("PostgreSQL does not answer: is it running, and is `store` right?", scrubbed(err))
	}
	if message == "" {
		message = messageSystem(err)
	}
	if message == "" {
		return err
	}
	return p.unavailable(message, err)
}

func (p place) unavailable(message string, err error) error {
	return &holdfast.Error{
		Code:    holdfast.CodeUnavailable,
		Message: fmt.Sprintf("database %s: %s", p.name, message),
		Err:     err,
	}
}

func messageSQLite(code int) string {
	switch code & 0xff {
	case sqlite3.SQLITE_FULL:
		return messageFull
	case sqlite3.SQLITE_READONLY:
		return messageReadOnly
	case sqlite3.SQLITE_BUSY:
		return "another process keeps it locked: end it and try again"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "the file is damaged or is no database: restore it from a backup"
	case sqlite3.SQLITE_CANTOPEN:
		return "the file cannot be opened: does its folder exist, and may this user write there?"
	case sqlite3.SQLITE_IOERR:
		return fmt.Sprintf("the disk failed (input/output error %d): is it full or damaged?", code)
	}
	return ""
}

const (
	messageFull     = "the disk is full: free some space and try again; nothing was lost"
	messageReadOnly = "it cannot be written: the file system or the file is read-only"
)

// messagePostgres knows the conditions of PostgreSQL's Appendix A.
func messagePostgres(code string) string {
	switch code {
	case "53100":
		return messageFull
	case "25006":
		return messageReadOnly
	case "28P01", "28000":
		return "PostgreSQL refuses the user or the password: set the key that `store` names"
	case "3D000":
		return "the database does not exist: create it with createdb"
	case "53300":
		return "PostgreSQL has no connection left"
	case "55P03":
		return "another node keeps it locked"
	case "57P01", "57P02", "57P03":
		return "PostgreSQL is stopping or starting, or ended the connection"
	}
	return ""
}

func messageSystem(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return messageFull
	case errors.Is(err, syscall.EROFS):
		return messageReadOnly
	case errors.Is(err, fs.ErrPermission):
		return "this user may not open it"
	case errors.Is(err, fs.ErrNotExist):
		return "its folder does not exist"
	}
	return ""
}

// scrubbed keeps an error's text out of what is shown, for it may quote the address.
func scrubbed(err error) error {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answer
	}
	return errors.New("no connection")
}

func urlHasPassword(address string) bool {
	parsed, err := url.Parse(address)
	if err != nil {
		return false
	}
	_, set := parsed.User.Password()
	return set || parsed.Query().Has("password")
}

// diskFailed tells whether the disk itself failed under SQLite, a sync for example.
func diskFailed(err error) bool {
	failed, ok := errors.AsType[*sqlite.Error](err)
	return ok && failed.Code()&0xff == sqlite3.SQLITE_IOERR
}

// unanswered tells whether PostgreSQL may have committed and its answer was lost.
func unanswered(err error) bool {
	if errors.Is(err, errGroup) {
		return false
	}
	_, local := errors.AsType[*sqlite.Error](err)
	_, answered := errors.AsType[*pgconn.PgError](err)
	return !local && !answered && !errors.Is(err, errRolledBack)
}

// Full tells whether err says that there is no room on the disk, of a database or of a file.
func Full(err error) bool {
	if failed, ok := errors.AsType[*sqlite.Error](err); ok && failed.Code()&0xff == sqlite3.SQLITE_FULL {
		return true
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok && answer.Code == "53100" {
		return true
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Duplicate tells whether err says that a row with the same key exists.
func Duplicate(err error) bool {
	if failed, ok := errors.AsType[*sqlite.Error](err); ok {
		return failed.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || failed.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answer.Code == "23505"
	}
	return false
}
