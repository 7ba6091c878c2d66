// SPDX-License-Identifier: Apache-2.0

package host

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"holdfast/core/store/storetest"
	"holdfast/holdfasttest/timing"
)

const databaseModule = `
import holdfast, sys, threading, time
from core.utils.db import get_db

if FORBIDDEN:
    class Hide:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in FORBIDDEN:
                raise ImportError(name)
    sys.meta_path.insert(0, Hide())

def make():
    db = get_db()
    assert db is get_db()
    db.execute("CREATE TABLE notes (id SERIAL PRIMARY KEY, body TEXT UNIQUE, at TIMESTAMP DEFAULT '2026-01-02 03:04:05', price NUMERIC DEFAULT 1.50, raw BYTEA)")
    return db.execute("INSERT INTO notes (body) VALUES (%s), (%s)", ("a%b", "it's")), "made"

def read():
    db = get_db()
    return {
        "all": db.execute("SELECT id, body FROM notes ORDER BY id"),
        "like": db.execute("SELECT id FROM notes WHERE body LIKE 'a%'"),
        "both": db.execute("SELECT id FROM notes WHERE body LIKE 'a%%' AND id = %s", (1,)),
        "named": db.execute_one("SELECT body FROM notes WHERE id = %(id)s AND %(id)s > 0", {"id": 2}),
        "none": db.execute_one("SELECT * FROM notes WHERE id = %s", [99]),
        "returned": db.execute("INSERT INTO notes (body, raw) VALUES (%s, %s) RETURNING id", ("new", b"bytes"))[0]["id"] > 2,
        "touched": db.execute("UPDATE notes SET body = body WHERE id < %s", (3,)),
        "types": db.execute_one("SELECT at, price, raw FROM notes WHERE body = %s", ("new",)),
    }

def wrong():
    get_db().execute("SELECT nonsense FROM notes")

def count():
    return get_db().execute_one("SELECT count(*) AS n FROM notes")["n"]

def together(fail: bool):
    with get_db().transaction() as work:
        work.execute("INSERT INTO notes (body) VALUES (%s)", ("one of two",))
        n = work.execute_one("SELECT count(*) AS n FROM notes")["n"]
        outside = get_db().execute_one("SELECT count(*) AS n FROM notes")["n"]
        assert n == outside + 1, (n, outside)
        if fail:
            work.execute("INSERT INTO notes (body) VALUES (%s)", ("one of two",))
    return n

def crowd():
    """More threads than connections."""
    found = []
    def one():
        found.append(get_db().execute_one("SELECT pg_backend_pid() AS pid, pg_sleep(0.05)")["pid"])
    threads = [threading.Thread(target=one) for _ in range(12)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return [len(found), len(set(found))]

def linger():
    with get_db().transaction() as work:
        work.execute("INSERT INTO notes (body) VALUES ('lingering')")
        holdfast.log("begun")
        time.sleep(1000)

def backend():
    return get_db().execute_one("SELECT pg_backend_pid() AS pid")["pid"]

def hang_up():
    return get_db().execute_one("SELECT count(pg_terminate_backend(pid, 10000)) AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")["n"]

def hang_up_myself():
    get_db().execute("SELECT pg_terminate_backend(pg_backend_pid())")

TOOLS = [make, read, wrong, count, together, crowd, linger, backend, hang_up, hang_up_myself]
`

// drivers are the ones that core.utils.db takes, and those that must not be seen for its turn.
func drivers() map[string]string {
	return map[string]string{"psycopg": "()", "psycopg2": "('psycopg',)", "pg8000": "('psycopg', 'psycopg2')"}
}

// TestDatabaseOnPostgres tries each driver against a server of its own.
func TestDatabaseOnPostgres(t *testing.T) {
	for driver, forbidden := range drivers() {
		t.Run(driver, func(t *testing.T) {
			python := pythonWith(t, "import "+driver)
			module := map[string]string{"db_tools.py": "FORBIDDEN = " + forbidden + "\n" + databaseModule}
			address := storetest.Postgres(t)
			h := hostOf(t, python, module, "DATABASE_URL="+address)
			if a := h.call(t, "make", `{}`); a.Failed {
				t.Fatal(a.text())
			}
			want := `{"all": [{"id": 1, "body": "a%b"}, {"id": 2, "body": "it's"}], "like": [{"id": 1}], "both": [{"id": 1}], "named": {"body": "it's"}, "none": null, ` +
				`"returned": true, "touched": 2, "types": {"at": "2026-01-02 03:04:05", "price": "1.50", "raw": "bytes"}}`
			if got := h.call(t, "read", `{}`).text(); got != want {
				t.Errorf("it read\n%s, want\n%s", got, want)
			}
			if a := h.call(t, "wrong", `{}`); !a.Failed || !strings.Contains(a.text(), "nonsense") {
				t.Errorf("a wrong statement answered %q", a.text())
			}
			checkTransactions(t, h)
			checkLost(t, h, hostOf(t, python, module, "DATABASE_URL="+address))
		})
	}
}

func checkTransactions(t *testing.T, h *rawHost) {
	t.Helper()
	if a := h.call(t, "together", `{"fail":true}`); !a.Failed || !strings.Contains(a.text(), "duplicate key") {
		t.Errorf("it answered %q", a.text())
	}
	if got := h.call(t, "count", `{}`).text(); got != "3" {
		t.Errorf("half a transaction stayed: %s rows", got)
	}
	if got := h.call(t, "together", `{"fail":false}`).text(); got != "4" {
		t.Errorf("it answered %q", got)
	}
	if got := h.call(t, "crowd", `{}`).text(); got != "[12, 4]" {
		t.Errorf("the crowd got %s", got)
	}
	given := h.begin(t, "linger", `{}`)
	h.begun(t, "linger")
	h.cancel(t, given)
	timing.Until(t, "the cancelled transaction is gone", func() bool { return h.call(t, "count", `{}`).text() == "4" })
}

// checkLost hangs up connections while they rest, and in the middle of a statement.
func checkLost(t *testing.T, h, other *rawHost) {
	t.Helper()
	before := h.call(t, "backend", `{}`).text()
	if a := other.call(t, "hang_up", `{}`); a.Failed || a.text() == "0" {
		t.Fatalf("it hung up %s", a.text())
	}
	a := h.call(t, "backend", `{}`)
	if a.Failed || a.text() == before {
		t.Errorf("after the connection was lost: %q, before %q", a.text(), before)
	}
	if a := h.call(t, "hang_up_myself", `{}`); !a.Failed {
		t.Errorf("a statement that was cut off answered %q", a.text())
	}
	if a := h.call(t, "count", `{}`); a.text() != "4" {
		t.Errorf("after a statement was cut off: %q", a.text())
	}
}

// A relay is a way to a server of PostgreSQL that can be taken down and put up again.
type relay struct {
	to      string
	address string
	mu      sync.Mutex
	at      net.Listener
	open    []net.Conn
}

func (r *relay) up(t *testing.T) {
	t.Helper()
	at, err := new(net.ListenConfig).Listen(t.Context(), "tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.at, r.address = at, at.Addr().String()
	r.mu.Unlock()
	go func() {
		for {
			c, err := at.Accept()
			if err != nil {
				return
			}
			server, err := new(net.Dialer).DialContext(t.Context(), "unix", r.to)
			if err != nil {
				_ = c.Close()
				continue
			}
			r.mu.Lock()
			r.open = append(r.open, c, server)
			r.mu.Unlock()
			go func() { _, _ = io.Copy(c, server); _ = c.Close() }()
			go func() { _, _ = io.Copy(server, c); _ = server.Close() }()
		}
	}()
}

func (r *relay) down() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.at.Close()
	for _, c := range r.open {
		_ = c.Close()
	}
	r.open = nil
}

// TestDatabaseThatIsDown: an error while it is, and no more than that: the next call finds it again.
func TestDatabaseThatIsDown(t *testing.T) {
	python := pythonWith(t, "import psycopg2")
	address, err := url.Parse(storetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{to: address.Query().Get("host") + "/.s.PGSQL.5432", address: "127.0.0.1:0"}
	r.up(t)
	defer r.down()
	host, port, err := net.SplitHostPort(r.address)
	if err != nil {
		t.Fatal(err)
	}
	h := hostOf(t, python, map[string]string{"db_tools.py": "FORBIDDEN = ()\n" + databaseModule},
		"DB_HOST="+host, "DB_PORT="+port, "DB_NAME="+strings.TrimPrefix(address.Path, "/"), "DB_USER="+address.User.Username(), "DB_PASSWORD=unasked")
	if a := h.call(t, "make", `{}`); a.Failed {
		t.Fatal(a.text())
	}
	r.down()
	for range 2 {
		if a := h.call(t, "count", `{}`); !a.Failed || !strings.Contains(a.text(), "refused") {
			t.Errorf("without a server it answered %q", a.text())
		}
	}
	r.up(t)
	if a := h.call(t, "count", `{}`); a.text() != "2" {
		t.Errorf("with the server back it answered %q", a.text())
	}
}

func TestDatabaseIsNotThere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ python, forbidden, address, want string }{
		{"python3", "('psycopg', 'psycopg2', 'pg8000')", "postgresql://nobody@127.0.0.1:1/nothing", "no PostgreSQL driver is installed for"},
		{pythonWith(t, "import psycopg2"), "()", "", "no database is configured: set DATABASE_URL, or DB_HOST"},
		{"python3", "()", "sqlite://" + t.TempDir() + "/x.db", "no such table"},
	} {
		h := hostOf(t, c.python, map[string]string{"db_tools.py": "FORBIDDEN = " + c.forbidden + "\n" + databaseModule}, "DATABASE_URL="+c.address)
		if a := h.call(t, "count", `{}`); !a.Failed || !strings.Contains(a.text(), c.want) {
			t.Errorf("it answered %q, want %q", a.text(), c.want)
		}
	}
}
