// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// JSON is JSON being written, with the commas put where they belong. It may stand behind other bytes,
// such as the head of an event, that end in a space or a line feed.
type JSON []byte

func (j *JSON) comma() {
	if len(*j) == 0 {
		return
	}
	switch (*j)[len(*j)-1] {
	case '{', '[', ':', ' ', '\n', ',':
	default:
		*j = append(*j, ',')
	}
}

// Open begins an object.
func (j *JSON) Open() { j.comma(); *j = append(*j, '{') }

// Close ends an object.
func (j *JSON) Close() { *j = append(*j, '}') }

// List begins a list.
func (j *JSON) List() { j.comma(); *j = append(*j, '[') }

// EndList ends a list.
func (j *JSON) EndList() { *j = append(*j, ']') }

// Key writes the name of the member that follows. It must need no escapes.
func (j *JSON) Key(name string) *JSON {
	j.comma()
	*j = append(append(append(*j, '"'), name...), '"', ':')
	return j
}

// Text writes a string.
func (j *JSON) Text(text string) {
	j.comma()
	*j = AppendText(*j, text)
}

// Int writes a number.
func (j *JSON) Int(n int64) {
	j.comma()
	*j = strconv.AppendInt(*j, n, 10)
}

// Float writes a number.
func (j *JSON) Float(f float64) {
	raw, err := json.Marshal(f)
	if err != nil {
		raw = []byte("null")
	}
	j.Raw(raw)
}

// Bool writes true or false.
func (j *JSON) Bool(b bool) {
	j.comma()
	*j = strconv.AppendBool(*j, b)
}

// Null writes null.
func (j *JSON) Null() { j.Raw([]byte("null")) }

// Raw writes JSON as it is.
func (j *JSON) Raw(raw []byte) {
	j.comma()
	*j = append(*j, raw...)
}

// Field writes a member that is text, unless it is empty.
func (j *JSON) Field(name, text string) {
	if text != "" {
		j.Key(name).Text(text)
	}
}

// TextsField writes a member that is a list of strings, unless it is empty.
func (j *JSON) TextsField(name string, texts []string) {
	if len(texts) == 0 {
		return
	}
	j.Key(name).List()
	for _, text := range texts {
		j.Text(text)
	}
	j.EndList()
}

// FloatField and BoolField write a member unless it was not said.
func (j *JSON) FloatField(name string, f *float64) {
	if f != nil {
		j.Key(name).Float(*f)
	}
}

// BoolField writes a member unless it was not said.
func (j *JSON) BoolField(name string, b *bool) {
	if b != nil {
		j.Key(name).Bool(*b)
	}
}

// IntField writes a member unless it is 0.
func (j *JSON) IntField(name string, n int64) {
	if n != 0 {
		j.Key(name).Int(n)
	}
}

const hexDigits = "0123456789abcdef"

// AppendText appends text as a JSON string; what is not UTF-8 becomes the replacement character.
func AppendText(dst []byte, text string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, text[start:i]...)
		dst = appendEscape(dst, c)
		i++
		start = i
	}
	return append(append(dst, text[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch {
	case c >= utf8.RuneSelf:
		return append(dst, "\uFFFD"...)
	case c == '"', c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, '\\', 'n')
	case c == '\r':
		return append(dst, '\\', 'r')
	case c == '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// Quote returns text as a JSON string.
func Quote(text string) string { return string(AppendText(make([]byte, 0, len(text)+2), text)) }
