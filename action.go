// SPDX-License-Identifier: Apache-2.0

package holdfast

import (
	"context"
	"encoding/json"
	"time"
)

// An Effect is what an action does to the world.
type Effect string

// The three effects.
const (
	EffectRead    Effect = "read"
	EffectChange  Effect = "change"
	EffectDestroy Effect = "destroy"
)

// An Action is something a caller may ask for by name with typed input. It is declared once, in
// the package of its capability, and built by action.NewAction or action.NewDestroyer, which fill
// Input, Output, Inventory and Run.
type Action struct {
	// Name is noun.verb, both lower case.
	Name string
	// Summary is one line, without a full stop.
	Summary string
	// Help is the longer text shown by --help and the OpenAPI document.
	Help string
	// Short is a one-word command that means the same ("status" for house.status); may be empty.
	Short  string
	Tier   Tier
	Effect Effect
	// Safer marks a move toward safety (halt, stop, hold, lock): no guard but tier may refuse it,
	// and it acts first and is journaled when it can be.
	Safer bool
	// Offline actions also run in process, under the home's lock, when no house runs.
	Offline bool
	// Reveals marks a read that shows a secret; it is journaled.
	Reveals bool
	// Labels say what kind of act this is to the guards: "dispatch", "growth", "restart", "exclusive".
	Labels []string
	// Routes are HTTP routes beside POST /api/v1/noun/verb, kept for existing clients.
	Routes []ActionRoute
	// Examples are whole command lines.
	Examples []string
	// Categories declares, for a destroying action, everything it may list and how each comes back.
	Categories []Category
	// Subject gives what the journal names as the thing acted on; nil means the first field.
	Subject func(input any) string

	Input     Shape
	Output    Shape
	Decode    func(input json.RawMessage) (any, error)
	Inventory func(ctx context.Context, input any) (Inventory, error)
	Run       func(ctx context.Context, input any) (any, error)
}

// An ActionRoute is an extra HTTP route of an action. Path may hold {field} wildcards that fill
// input fields; Upload names the field that takes a multipart file (as text), Body the field that
// takes the whole body; else the body is the input.
type ActionRoute struct {
	Method string
	Path   string
	Upload string
	Body   string
}

// A Shape describes the fields of an action's input or output. Both views are made on demand.
type Shape interface {
	// Fields lists the top-level fields in order of declaration.
	Fields() []Field
	// Schema is the JSON Schema (2020-12).
	Schema() json.RawMessage
}

// A Field is one top-level field of a shape.
type Field struct {
	Name     string
	Help     string
	Type     string // string, integer, number, boolean, array, object
	Items    string // type of an array's items
	Default  string
	Enum     []string
	Required bool
	// Secret fields are read by prompt, standard input or file, never from an argument.
	Secret bool
	// Positional fields may be given on the command line without their name, in this order.
	Positional bool
	// Path fields are absolute paths of files: the command line takes relative ones from where it runs.
	Path bool
}

// A Stream is a read-only sequence of events that continues the action of the same name:
// "log.show" followed. Send blocks for a slow reader; its error ends the stream.
type Stream struct {
	Action string
	Run    func(ctx context.Context, input any, send func(event any) error) error
}

// An Item is one thing that a destroying action would affect.
type Item struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	Rows int64  `json:"rows,omitempty"`
	// Bytes is shown and not hashed, for a living file changes while it is looked at.
	Bytes int64 `json:"bytes,omitempty"`
}

// Return says how what was destroyed comes back.
type Return string

// The ways back: from the trash, from its history, or not at all.
const (
	ReturnsFromTrash   Return = "trash"
	ReturnsFromHistory Return = "history"
	ReturnsNever       Return = "never"
)

// A Category groups items of one inventory that share one answer to "what if this is gone?".
type Category struct {
	Name       string `json:"name"`
	Summary    string `json:"summary"`
	Returns    Return `json:"returns"`
	Production bool   `json:"production"`
	Shared     bool   `json:"shared"`
	// Backup names the backup that covers these items, empty for none.
	Backup string `json:"backup,omitempty"`
	Items  []Item `json:"items,omitempty"`
}

// An Inventory lists every item that a destroying action would affect, by category.
type Inventory struct {
	Action     string     `json:"action"`
	Categories []Category `json:"categories"`
	// Token binds a confirmation to exactly these items.
	Token   string    `json:"token,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
}

// A Confirmation is the second call of a destroying action: the token of the inventory and the
// name of each category approved.
type Confirmation struct {
	Token      string   `json:"token"`
	Categories []string `json:"categories"`
}
