// SPDX-License-Identifier: Apache-2.0

// Package poison reads what a tool server says about itself for what is meant to steer a model
// instead of telling it what a tool does: characters that nobody sees, tags of a prompt, orders to
// the model, orders to call somebody else's tool, and orders to hand over secrets.
//
// It is for deciding who must be asked before such a text reaches a model. It is no proof: a text
// that passes may still lie, which is why tools are pinned (agent/tools) and what they answer counts
// as data (agent). It guarantees to end soon whatever it reads, and that what it quotes can be
// printed. Callers: agent/tools and agent/skills.
package poison

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"holdfast/agent/plain"
)

// A Kind is what was found.
type Kind string

// The kinds of what steers a model.
const (
	Hidden Kind = "hidden characters"
	Tag    Kind = "tags of a prompt"
	Order  Kind = "orders to the model"
	Tool   Kind = "orders to call another's tool"
	Secret Kind = "orders to hand over secrets"
)

// A Text is one part of what a server says: where it stands, and what.
type Text struct{ Where, Text string }

// A Finding is one thing that was found, quoted so that it can be printed.
type Finding struct {
	Kind  Kind   `json:"kind"`
	Where string `json:"where"`
	Quote string `json:"quote"`
}

func (f Finding) String() string { return fmt.Sprintf("%s in its %s: %q", f.Kind, f.Where, f.Quote) }

const (
	// maxText bounds what is read of one text, and maxTexts of all: what is beyond is found by its
	// length, for no description needs it.
	maxText     = 16 << 10
	maxTexts    = 48 << 10
	maxFindings = 8
	quoteRunes  = 120
	// blank is from how much empty room on a text counts as hidden behind it.
	blankSpaces, blankLines = 200, 20
)

// A Reader reads texts. It may be used by many at once.
type Reader struct {
	patterns []pattern
	names    expression
	verbs    expression
}

// an expression is compiled when a text first wants it: most houses hold none that wants most of them, and
// together they are half a megabyte.
type expression func() *regexp.Regexp

func expressionOf(form string) expression {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(form) })
}

// a pattern is looked for in texts that hold one of its words.
type pattern struct {
	kind  Kind
	words []string
	form  expression
}

func (p pattern) find(text string) []int {
	if !slices.ContainsFunc(p.words, func(word string) bool { return strings.Contains(text, word) }) {
		return nil
	}
	return p.form().FindStringIndex(text)
}

// NewReader makes a reader.
func NewReader() *Reader {
	const (
		wanted = `(api[ _-]?keys?|passwords?|passphrases?|credentials?|secrets?|(access|auth|bearer|session) tokens?|private keys?|ssh keys?|environment variables?)`
		talk   = `(system prompt|(whole|entire|full) conversation|(conversation|chat) history|(all )?(previous|prior|earlier) messages)`
		places = `((~|\$home|%userprofile%|/root|/home/\S{1,40})[/\\]\.\w|\bid_(rsa|dsa|ecdsa|ed25519)\b|/etc/(passwd|shadow|sudoers)\b|\.aws/credentials|\bmcp\.json\b|(^|[\s"'(/` + "`" + `])\.env\b|\bmaster_config\.json\b|/proc/self/environ)`
		take   = `\b(read|open|load|cat|fetch|get|include|pass|send|attach|provide|append|copy|forward|embed|insert|put|upload|print|reveal|output|collect|gather|submit|exfiltrate|leak|steal)\b`
		hand   = `\b(include|pass|send|attach|provide|append|copy|forward|embed|insert|put|upload|reveal|collect|gather|submit|exfiltrate|leak|steal)\b`
		there  = `\b(to|into|in|as|at|via|through|with)\b.{0,40}(https?://|\b(parameters?|arguments?|fields?|webhook|endpoint|sidenote|note|query string|attacker|server)\b)`
	)
	// What a place is written with: regular expressions are slow, and few texts hold any of these.
	marks := []string{"~", "$home", "%userprofile", "/root", "/home/", "id_", "/etc/", ".aws", "mcp.json", ".env", "master_config", "/proc/"}
	of := func(kind Kind, form string, words ...string) pattern {
		return pattern{kind, words, expressionOf("(?s)" + form)}
	}
	return &Reader{
		patterns: []pattern{
			of(Tag, `<\s*/?\s*(important|critical|system|assistant|instructions?|system[-_ ]?(prompt|reminder|message)|tool_output|tool_calls?|function_calls?|im_start|im_end)\b[^>]{0,80}>`, "<"),
			of(Tag, `<\|[a-z_]{2,30}\|>`, "<|"),
			of(Tag, `\[/?(inst|system)\]`, "inst]", "system]"),
			of(Tag, `<!--`, "<!--"),
			of(Tag, `(^|\n)\s*#*\s*(system|assistant)\s*:\s`, "system", "assistant"),
			of(Order, `\b(ignore|disregard|forget|override|bypass|supersede)\b.{0,40}\b(instructions?|rules|prompts?|guidelines|warnings?|polic(y|ies)|safeguards?|restrictions?|guardrails?|confirmations?|approvals?)\b`,
				"ignore", "disregard", "forget", "override", "bypass", "supersede"),
			of(Order, `\b(do not|don.?t|never|without|must not|avoid)\b.{0,20}\b(tell(ing)?|inform(ing)?|mention(ing)?|reveal(ing)?|notify(ing)?|alert(ing)?|ask(ing)?|show(ing)?|warn(ing)?)\b.{0,30}\b(users?|humans?|operators?|owners?|persons?|anyone)\b`,
				"user", "human", "operator", "owner", "person", "anyone"),
			of(Order, `\b(before|after|instead of|prior to|whenever|every time|each time)\b.{0,30}\b(us(e|ing)|call(ing)?|invok(e|ing)|runn?(ing)?)\b.{0,20}\b(any|every|all|other|another|each)\b.{0,15}\b(tools?|functions?)\b`,
				"tool", "function"),
			of(Order, `\b(new|updated|real|actual|hidden|secret|true) (instructions?|directives?|orders)\b`, "instruction", "directive", "orders"),
			of(Order, `\byou are now\b|\bjailbreak|\bdeveloper mode\b|\bact as (an? |the )?(admin(istrator)?|root|owner|operator|system)\b`, "you are now", "jailbreak", "developer mode", "act as"),
			of(Order, `\b(raise|elevate|escalate|upgrade|increase)\b.{0,30}\b(your|own|this agent.?s|caller.?s)\b.{0,20}\b(tier|privileges?|permissions?|rights|role)\b`,
				"tier", "privilege", "permission", "rights", "role"),
			of(Secret, take+`.{0,80}`+places, marks...),
			of(Secret, places+`.{0,80}`+take, marks...),
			of(Secret, hand+`.{0,60}`+wanted+`.{0,80}`+there, "key", "pass", "credential", "secret", "token", "environment"),
			of(Secret, hand+`.{0,60}`+talk, "prompt", "conversation", "chat", "messages"),
			of(Secret, `!\[[^\]]{0,80}\]\(\s*https?://[^)]{0,200}[{$<=]`, "!["),
		},
		names: expressionOf(`[A-Za-z][A-Za-z0-9_-]{2,63}`),
		verbs: expressionOf(`\b(call|calls|calling|use|using|run|running|invoke|invoking|execute|executing|trigger|triggering|perform)\b`),
	}
}

// Look reads the texts of one tool. It answers a few findings at most, and none for texts that only
// tell.
func (r *Reader) Look(texts []Text) []Finding {
	var found []Finding
	left := maxTexts
	for _, t := range texts {
		if left -= len(t.Text); left < 0 {
			return append(found, Finding{Kind: Hidden, Where: t.Where, Quote: fmt.Sprintf("more than %d bytes of text, too many to be read", maxTexts)})
		}
		for _, f := range r.look(t) {
			if len(found) < maxFindings && !slices.Contains(found, f) {
				found = append(found, f)
			}
		}
	}
	return found
}

// Names are the words in texts that could be names of tools, each once: Mentions finds nothing where
// none of them is foreign.
func (r *Reader) Names(texts []Text) []string {
	seen := map[string]bool{}
	for _, t := range texts {
		for _, name := range r.names().FindAllString(t.Text[:min(len(t.Text), maxText)], 10_000) {
			seen[name] = true
		}
	}
	return slices.Collect(maps.Keys(seen))
}

// Mentions finds the first order to call a tool of somebody else. Foreign tells whether a name is that
// of one.
func (r *Reader) Mentions(texts []Text, foreign func(name string) bool) []Finding {
	for _, t := range texts {
		if quote := r.mention(t.Text[:min(len(t.Text), maxText)], foreign); quote != "" {
			return []Finding{{Kind: Tool, Where: t.Where, Quote: quoted(quote)}}
		}
	}
	return nil
}

func (r *Reader) look(t Text) (found []Finding) {
	add := func(kind Kind, quote string) {
		found = append(found, Finding{Kind: kind, Where: t.Where, Quote: quoted(quote)})
	}
	text := t.Text
	if len(text) > maxText {
		add(Hidden, fmt.Sprintf("%d bytes, too many to be read", len(text)))
		text = text[:maxText]
	}
	text = strings.ToValidUTF8(text, "�")
	if quote := hidden(text); quote != "" {
		add(Hidden, quote)
	}
	said := plainly(text)
	for _, p := range r.patterns {
		if at := p.find(said); at != nil {
			add(p.kind, said[at[0]:at[1]])
		}
	}
	return found
}

// reach is how far before a name the order to call it may stand.
const reach = 60

// mention finds the order to call somebody else's tool. A name that is a plain word counts only
// when it is marked as a name.
func (r *Reader) mention(text string, foreign func(string) bool) string {
	for _, at := range r.names().FindAllStringIndex(text, 10_000) {
		name := text[at[0]:at[1]]
		if !foreign(name) || !marked(text, name, at) {
			continue
		}
		from := max(0, at[0]-reach)
		before := strings.ToLower(text[from:at[0]])
		after := strings.ToLower(text[at[1]:min(len(text), at[1]+reach)])
		if r.verbs().MatchString(before) || strings.Contains(after, "must be called") || strings.Contains(after, "should be called") {
			return text[from:at[1]]
		}
	}
	return ""
}

// marked tells whether a word is written as a name: with a sign of one in it, in quotes, or called
// a tool.
func marked(text, name string, at []int) bool {
	if strings.ContainsAny(name, "_-") || strings.ToLower(name[1:]) != name[1:] {
		return true
	}
	before, after := text[:at[0]], text[at[1]:]
	if before != "" && after != "" && strings.ContainsRune("`\"'", rune(before[len(before)-1])) && before[len(before)-1] == after[0] {
		return true
	}
	lower := strings.ToLower(after[:min(len(after), 12)])
	return strings.HasSuffix(strings.ToLower(before), "tool ") || strings.HasPrefix(lower, " tool") || strings.HasPrefix(lower, "(")
}

// plainly is a text as a model understands it: lower case, without what nobody sees, wide letters
// as narrow ones, and all in one line but for the ends of lines that begin something.
func plainly(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r >= 0xff01 && r <= 0xff5e:
			r -= 0xff01 - '!'
		case r == 0x00ad || plain.Unseen(r):
			return -1
		}
		return unicode.ToLower(r)
	}, text)
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r != '\n' && unicode.IsSpace(r) }), " ")
}

// hidden finds characters that nobody sees, or that make a text look like another, and what is
// pushed out of sight. It answers what to show of them.
func hidden(text string) string {
	var last rune
	spaces, lines, selectors := 0, 0, 0
	for at, r := range text {
		switch {
		case r == '\n':
			lines, spaces = lines+1, 0
		case unicode.IsSpace(r):
			spaces++
		default:
			lines, spaces = 0, 0
		}
		if plain.Selects(r) { // two in a row choose nothing
			selectors++
		} else {
			selectors = 0
		}
		next, _ := utf8.DecodeRuneInString(text[at+utf8.RuneLen(r):])
		switch {
		case plain.Unseen(r), selectors > 1, plain.Joins(r) && plainLetter(last) && plainLetter(next):
			return around(text, at)
		case spaces >= blankSpaces, lines >= blankLines:
			return fmt.Sprintf("text after %d spaces or %d empty lines", blankSpaces, blankLines)
		}
		last = r
	}
	return ""
}

func plainLetter(r rune) bool { return r < 0x250 && (unicode.IsLetter(r) || unicode.IsSpace(r)) }

func around(text string, at int) string {
	from, to := max(0, at-40), min(len(text), at+40)
	return strings.ToValidUTF8(text[from:to], "")
}

// quoted is a quote that can be printed: what nobody sees is shown by its number.
func quoted(text string) string {
	runes := []rune(strings.ToValidUTF8(text, "�"))
	if len(runes) > quoteRunes {
		runes = append(runes[:quoteRunes], '…')
	}
	for i, r := range runes {
		if unicode.IsSpace(r) {
			runes[i] = ' '
		}
	}
	return strings.TrimSpace(plain.Reveal(string(runes)))
}
