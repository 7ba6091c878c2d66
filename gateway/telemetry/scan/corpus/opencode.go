// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // newer versions keep their messages in a database
)

// An openSession is one conversation with OpenCode: a file a message, or a row of a database, as newer
// versions keep them, which took over the files of older ones and left them where they were.
type openSession struct {
	w     *writer
	id    string
	model string
	now   time.Time
	// said are the messages by id, in order.
	said []openMessage
}

type openMessage struct {
	id      string
	created int64
	body    string // without what names it
}

func (m openMessage) file(session string) string {
	return fmt.Sprintf(`{"id":"%s","sessionID":"%s",%s`, m.id, session, m.body[1:])
}

func (o *openSession) tokens() string {
	r := o.w.rand
	input, output, read, write := 1+r.IntN(9000), 1+r.IntN(4000), r.IntN(80_000), r.IntN(2)*r.IntN(5000)
	reasoning, total := r.IntN(3)*r.IntN(900), ""
	switch {
	case o.w.chance(5):
		return fmt.Sprintf(`{"total":%d}`, input+output)
	case o.w.chance(40):
		total = fmt.Sprintf(`"total":%d,`, input+output+reasoning+read+write)
	}
	return fmt.Sprintf(`{%s"input":%d,"output":%d,"reasoning":%d,"cache":{"read":%d,"write":%d}}`, total, input, output, reasoning, read, write)
}

func (o *openSession) say(body string) {
	o.said = append(o.said, openMessage{id: o.w.id("msg_b3"), created: o.now.UnixMilli(), body: body})
}

func (o *openSession) turns(n int) {
	for range n {
		o.now = o.now.Add(time.Duration(5+o.w.rand.IntN(900)) * time.Second)
		at := o.now.UnixMilli()
		o.say(fmt.Sprintf(`{"role":"user","time":{"created":%d},"summary":{"title":"\"tokens\":{\"input\":3}","diffs":[]},"agent":"build","model":{"providerID":"anthropic","modelID":"m"}}`, at))
		o.now = o.now.Add(time.Second)
		at = o.now.UnixMilli()
		o.say(fmt.Sprintf(`{"role":"assistant","time":{"created":%d,"completed":%d},"parentID":"msg_x","modelID":"%s","providerID":"%s","mode":"build","path":{"cwd":"/p","root":"/p"},"cost":%s,"tokens":%s,"finish":"stop"}`,
			at, at+900, o.model, o.w.one("anthropic", "openai", "zai"), o.w.one("0", "0.0125", "1.5e-05"), o.tokens()))
		if o.w.chance(15) { // cut off before anything was spent
			o.say(fmt.Sprintf(`{"role":"assistant","time":{"created":%d},"modelID":"%s","providerID":"openai","cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}},"error":{"name":"MessageAbortedError","data":{}}}`, at, o.model))
		}
	}
}

func (w *writer) openCode() {
	var moved []*openSession
	for n := range w.options.OpenCode {
		o := &openSession{w: w, id: w.id("ses_"), now: w.options.Start.Add(time.Duration(n) * 211 * time.Minute), model: w.one("claude-sonnet-4-5", "gpt-5.1", "glm-4.6")}
		o.turns(9)
		if n%3 != 1 {
			w.openFiles(o)
		}
		if n%3 != 0 {
			moved = append(moved, o)
		}
	}
	if !w.options.Plain {
		folder := ".local/share/opencode/storage/message/ses_odd/"
		for name, text := range map[string]string{"torn": `{"id":"msg_t","role":"assistant","tok`, "empty": "", "list": "[]", "null": "null"} {
			w.copyOf(folder+name+".json", []string{text}, strings.TrimSpace)
		}
	}
	w.keep(w.openBase(moved))
}

func (w *writer) openFiles(o *openSession) {
	for _, m := range o.said {
		w.copyOf(fmt.Sprintf(".local/share/opencode/storage/message/%s/%s.json", o.id, m.id), []string{m.file(o.id)}, strings.TrimSpace)
	}
}

// openBase writes the sessions into the database.
func (w *writer) openBase(sessions []*openSession) (err error) {
	if len(sessions) == 0 {
		return nil
	}
	db, err := sql.Open("sqlite", filepath.Join(w.home, ".local/share/opencode/opencode.db"))
	if err != nil {
		return err
	}
	defer func() { w.keep(db.Close()) }()
	if _, err := db.Exec("PRAGMA journal_mode = WAL; CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL)"); err != nil { //nolint:noctx // nobody waits for it
		return err
	}
	insert := func(id, session string, at int64, data string) {
		_, failed := db.Exec("INSERT INTO message VALUES (?, ?, ?, ?, ?)", id, session, at, at+1000, data) //nolint:noctx // nobody waits for it
		w.keep(failed)
	}
	for _, o := range sessions {
		for _, m := range o.said {
			insert(m.id, o.id, m.created, m.body)
		}
	}
	if !w.options.Plain {
		insert("msg_bad", "ses_bad", 1, "{")
		insert("msg_null", "ses_bad", 1, "null")
	}
	return nil
}

// keep remembers the first error.
func (w *writer) keep(err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
}
