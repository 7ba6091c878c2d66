// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/core/action"
)

// addActions adds `noun verb` for every action, and its short form if it has one.
func addActions(root *cobra.Command, opt Options, s *settings) {
	nouns := map[string]*cobra.Command{}
	for _, a := range opt.Registry.Actions() {
		noun, verb, _ := strings.Cut(a.Name, ".")
		parent := nouns[noun]
		if parent == nil {
			parent = &cobra.Command{
				Use: noun, Short: "Actions on " + noun, GroupID: "nouns", Args: noSuchCommand,
				RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
			}
			nouns[noun] = parent
			root.AddCommand(parent)
		}
		parent.AddCommand(spelled(command(opt, s, a, strings.ReplaceAll(verb, "_", "-")), verb))
		for _, l := range viewOf(a.Name).lenses {
			look := lensCommand(opt, s, a, l)
			if l.noun {
				parent.AddCommand(look)
				continue
			}
			look.GroupID = "main"
			root.AddCommand(look)
		}
		if a.Short != "" {
			short := command(opt, s, a, a.Short)
			if twin := find(root, a.Short); twin != nil {
				twin.RunE, twin.Short, twin.Long, twin.Example, twin.GroupID = short.RunE, short.Short, short.Long, short.Example, "main"
				twin.Flags().AddFlagSet(short.Flags())
				continue
			}
			short.GroupID = "main"
			root.AddCommand(short)
		}
	}
	addSetters(opt, s, nouns)
	addPlurals(root, opt, s)
	for noun, parent := range nouns {
		if parent.GroupID == "nouns" {
			parent.Short = verbs(parent)
			parent.Long = "Actions on " + noun + ": " + parent.Short + "."
		}
	}
}

// verbs names the commands of a noun.
func verbs(parent *cobra.Command) string {
	var names []string
	for _, c := range parent.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// addPlurals lets the plural of a noun, where it is a short form, take the noun's verbs too: `models
// policy` beside `model policy`.
func addPlurals(root *cobra.Command, opt Options, s *settings) {
	for _, a := range opt.Registry.Actions() {
		noun, verb, _ := strings.Cut(a.Name, ".")
		spelling := strings.ReplaceAll(verb, "_", "-")
		if plural := find(root, noun+"s"); plural != nil && a.Short != plural.Name() && find(plural, spelling) == nil {
			plural.AddCommand(spelled(command(opt, s, a, spelling), verb))
		}
	}
}

// spelled has a command answer also to the action's own spelling of its verb.
func spelled(cmd *cobra.Command, verb string) *cobra.Command {
	if cmd.Name() != verb {
		cmd.Aliases = append(cmd.Aliases, verb)
	}
	return cmd
}

// addSetters gives what shows something, as `breaker thresholds`, the command that sets it, as
// `breaker thresholds set` for breaker.set_thresholds.
func addSetters(opt Options, s *settings, nouns map[string]*cobra.Command) {
	for _, a := range opt.Registry.Actions() {
		noun, verb, _ := strings.Cut(a.Name, ".")
		shown, ok := strings.CutPrefix(verb, "set_")
		if !ok {
			continue
		}
		if show := find(nouns[noun], strings.ReplaceAll(shown, "_", "-")); show != nil {
			show.AddCommand(command(opt, s, a, "set"))
			find(nouns[noun], strings.ReplaceAll(verb, "_", "-")).Hidden = true
		}
	}
}

// find returns a noun's own command, which a short form of the same word then completes.
func find(root *cobra.Command, name string) *cobra.Command {
	for _, c := range root.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// a request is one invocation of an action's command.
type request struct {
	opt    Options
	set    *settings
	action holdfast.Action
	values map[string]*[]string
	follow bool
	lens   *lens
}

// lensCommand is the command of a lens: that of its action, told and shown in its own way.
func lensCommand(opt Options, s *settings, a holdfast.Action, l lens) *cobra.Command {
	of := a.Name
	a.Summary, a.Help, a.Examples = l.summary, l.help+" It shows what "+of+" tells.", []string{l.example}
	r := &request{opt: opt, set: s, action: a, values: map[string]*[]string{}, lens: &l}
	return r.command(l.name)
}

func command(opt Options, s *settings, a holdfast.Action, name string) *cobra.Command {
	r := &request{opt: opt, set: s, action: a, values: map[string]*[]string{}}
	return r.command(name)
}

func (r *request) command(name string) *cobra.Command {
	a := r.action
	positional := []holdfast.Field{}
	use := name
	for _, f := range a.Input.Fields() {
		if f.Positional {
			positional = append(positional, f)
			use += place(f)
		}
	}
	cmd := &cobra.Command{
		Use: use, Short: a.Summary, Long: long(a), Example: examples(a),
		Args: func(cmd *cobra.Command, args []string) error { return tooMany(cmd, positional, args) },
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), cmd, positional, args) },
	}
	if len(positional) > 0 && len(positional[0].Enum) > 0 {
		cmd.ValidArgs = positional[0].Enum
	}
	for _, f := range a.Input.Fields() {
		r.addFlag(cmd, f)
	}
	if r.lens == nil && r.opt.Registry.Streams(a.Name) {
		cmd.Flags().BoolVarP(&r.follow, "follow", "f", false, "go on with what comes, until Ctrl-C")
	}
	return cmd
}

func examples(a holdfast.Action) string {
	if len(a.Examples) == 0 {
		return ""
	}
	return "  " + strings.Join(a.Examples, "\n  ")
}

func place(f holdfast.Field) string {
	text := strings.ToUpper(f.Name)
	if f.Type == "array" {
		text += "…"
	}
	if f.Required {
		return " " + text
	}
	return " [" + text + "]"
}

func long(a holdfast.Action) string {
	text := a.Summary + "."
	if a.Help != "" {
		text += "\n\n" + a.Help
	}
	text += fmt.Sprintf("\n\nAction %s; needs tier %s; effect: %s.", a.Name, a.Tier, a.Effect)
	if a.Effect == holdfast.EffectDestroy {
		text += " The first call prints an inventory; each category is confirmed by name."
		for _, k := range a.Categories {
			text += fmt.Sprintf("\n  %-16s %s; comes back: %s", k.Name, k.Summary, k.Returns)
		}
	}
	return text
}

func tooMany(cmd *cobra.Command, positional []holdfast.Field, args []string) error {
	list := len(positional) > 0 && positional[len(positional)-1].Type == "array"
	if len(args) <= len(positional) || list {
		return nil
	}
	return holdfast.BadInput(fmt.Sprintf("%q is one argument too many: want `%s`", args[len(positional)], cmd.UseLine()))
}

func (r *request) addFlag(cmd *cobra.Command, f holdfast.Field) {
	name := strings.ReplaceAll(f.Name, "_", "-")
	help := f.Help
	f.Enum = slices.DeleteFunc(slices.Clone(f.Enum), func(v string) bool { return v == "" }) // left out
	if len(f.Enum) > 0 {
		help += " (" + strings.Join(f.Enum, ", ") + ")"
	}
	if f.Secret {
		cmd.Flags().String(secretFlag(f), "", help+": read from this file, - for standard input")
		return
	}
	if cmd.Flags().Lookup(name) != nil || cmd.InheritedFlags().Lookup(name) != nil {
		return
	}
	value := &[]string{}
	r.values[f.Name] = value
	if f.Default != "" {
		help += " (default " + f.Default + ")"
	}
	flag := cmd.Flags().VarPF(&textValue{value, f.Type}, name, "", help)
	if f.Type == "boolean" {
		flag.NoOptDefVal = "true"
	}
	if len(f.Enum) > 0 {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(f.Enum, cobra.ShellCompDirectiveNoFileComp))
	}
}

func secretFlag(f holdfast.Field) string { return strings.ReplaceAll(f.Name, "_", "-") + "-file" }

// a textValue collects a flag's values as text; their types are read by action.FromText.
type textValue struct {
	values *[]string
	kind   string
}

func (v *textValue) String() string { return "" }

// Type is the word that help prints for the value; of bool it knows that the value may be left out.
func (v *textValue) Type() string {
	if v.kind == "boolean" {
		return "bool"
	}
	return v.kind
}

func (v *textValue) Set(text string) error {
	*v.values = append(*v.values, text)
	return nil
}

func (r *request) run(ctx context.Context, cmd *cobra.Command, positional []holdfast.Field, args []string) error {
	input, err := r.input(ctx, cmd, positional, args)
	if err != nil {
		return err
	}
	caller, closing, err := r.opt.Connect(ctx, r.action)
	if err != nil {
		return err
	}
	defer func() { _ = closing() }()
	if r.opt.Terminal.Width > 0 && !r.set.json && !r.set.csv && !viewOf(r.action.Name).tames {
		caller = tamed{caller}
	}
	if r.follow || r.set.json && r.lens != nil && r.lens.follows {
		return r.followStream(ctx, caller, input)
	}
	if r.lens != nil && !r.set.json && !r.set.csv {
		return unlessInterrupted(ctx, r.lens.look(ctx, r.opt.Terminal, caller, r.action.Name, input))
	}
	out, err := r.dispatch(ctx, caller, input)
	if err != nil {
		return err
	}
	return r.show(input, out)
}

func (r *request) show(input, out json.RawMessage) error {
	view := viewOf(r.action.Name)
	var failed error
	if view.failed != nil {
		failed = view.failed(input, out)
	}
	switch {
	case r.set.json:
		return errors.Join(Print(r.opt.Terminal, out, true), failed)
	case failed != nil:
		return failed
	case r.set.csv:
		return PrintCSV(r.opt.Terminal, out)
	case view.answer != nil:
		return view.answer(r.opt.Terminal, input, out)
	}
	return Print(r.opt.Terminal, out, false)
}

// unlessInterrupted forgets the error of what a person has ended.
func unlessInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (r *request) input(ctx context.Context, cmd *cobra.Command, positional []holdfast.Field, args []string) (json.RawMessage, error) {
	values := map[string][]string{}
	for name, given := range r.values {
		if len(*given) > 0 {
			values[name] = *given
		}
	}
	for i, arg := range args {
		f := positional[min(i, len(positional)-1)]
		values[f.Name] = append(values[f.Name], arg)
	}
	for _, f := range r.action.Input.Fields() {
		if f.Path {
			fromHere(values[f.Name])
		}
		if !f.Secret {
			continue
		}
		path, _ := cmd.Flags().GetString(secretFlag(f))
		if path == "" && !f.Required {
			continue
		}
		secret, err := r.secret(ctx, path, f)
		if err != nil {
			return nil, err
		}
		values[f.Name] = []string{secret}
	}
	return action.FromText(r.action.Input.Fields(), values)
}

// fromHere makes relative paths absolute, for the house runs in another folder.
func fromHere(paths []string) {
	for i, path := range paths {
		if whole, err := filepath.Abs(path); err == nil && path != "" {
			paths[i] = whole
		}
	}
}

// secret reads a secret field by prompt, standard input or file, never from an argument.
func (r *request) secret(ctx context.Context, path string, f holdfast.Field) (string, error) {
	if path == "" && r.opt.Terminal.Interactive && r.opt.Terminal.Secret != nil {
		text, err := r.opt.Terminal.Secret(ctx, f.Name+": ")
		if ctx.Err() != nil {
			return "", errInterrupted
		}
		return text, err
	}
	text, err := await(ctx, func() (string, error) {
		if path == "" || path == "-" {
			raw, err := io.ReadAll(io.LimitReader(r.opt.Terminal.In, 1<<20))
			return string(raw), err
		}
		raw, err := os.ReadFile(path)
		return string(raw), err
	})
	if errors.Is(err, errInterrupted) {
		return "", err
	}
	if err != nil {
		return "", holdfast.BadInput("cannot read "+f.Name, holdfast.Problem{Field: f.Name, Message: err.Error()})
	}
	return strings.TrimRight(text, "\r\n"), nil
}

func (r *request) followStream(ctx context.Context, caller Caller, input json.RawMessage) error {
	show := func(event json.RawMessage) error { return PrintEvent(r.opt.Terminal, event, r.set.json) }
	if events := viewOf(r.action.Name).events; events != nil && !r.set.json {
		show = events(r.opt.Terminal, input)
	}
	return unlessInterrupted(ctx, caller.Follow(ctx, r.action.Name, input, show))
}

// dispatch sends the action. When it answers with an inventory, the categories are confirmed by
// --confirm, or by a person who types each one's name.
func (r *request) dispatch(ctx context.Context, caller Caller, input json.RawMessage) (json.RawMessage, error) {
	var confirm *holdfast.Confirmation
	if r.set.token != "" {
		confirm = &holdfast.Confirmation{Token: r.set.token, Categories: r.set.confirm}
	}
	out, err := caller.Dispatch(ctx, r.action.Name, input, confirm)
	need, ok := err.(*holdfast.Unconfirmed) //nolint:errorlint // the callers return it bare
	if !ok || r.set.token != "" {
		return out, err
	}
	if r.set.json && !r.confirmed(need) {
		return nil, errors.Join(printJSON(r.opt.Terminal, need.Inventory), need)
	}
	if !r.set.json {
		PrintInventory(r.opt.Terminal, need.Inventory)
	}
	confirmed, err := r.confirm(ctx, need)
	if err != nil {
		return nil, err
	}
	return caller.Dispatch(ctx, r.action.Name, input, &holdfast.Confirmation{Token: need.Inventory.Token, Categories: confirmed})
}

// confirmed tells whether --confirm names every category; a program is asked no questions.
func (r *request) confirmed(need *holdfast.Unconfirmed) bool {
	return !slices.ContainsFunc(need.Inventory.Categories, func(k holdfast.Category) bool { return !slices.Contains(r.set.confirm, k.Name) })
}

func printJSON(t Terminal, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("cannot print the answer: %w", err)
	}
	return Print(t, raw, true)
}

func (r *request) confirm(ctx context.Context, need *holdfast.Unconfirmed) ([]string, error) {
	var confirmed []string
	for _, k := range need.Inventory.Categories {
		if slices.Contains(r.set.confirm, k.Name) {
			confirmed = append(confirmed, k.Name)
			continue
		}
		if !r.opt.Terminal.Interactive {
			return nil, &holdfast.Unconfirmed{Inventory: need.Inventory, Reason: "give --confirm " + k.Name}
		}
		fmt.Fprintf(r.opt.Terminal.Err, "Type %q to destroy what it lists: ", k.Name)
		answer, err := await(ctx, func() (string, error) { return readLine(r.opt.Terminal.In) })
		if errors.Is(err, errInterrupted) {
			return nil, err
		}
		if err != nil || answer != k.Name {
			return nil, &holdfast.Unconfirmed{Inventory: need.Inventory, Reason: "not confirmed: " + k.Name}
		}
		confirmed = append(confirmed, k.Name)
	}
	return confirmed, nil
}

// errInterrupted ends a command at its question.
var errInterrupted = errors.New("interrupted; nothing was changed")

// await waits for a person's answer or the interrupt. A read that the interrupt leaves behind ends
// with the process.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read()
		done <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", errInterrupted
	case r := <-done:
		return r.text, r.err
	}
}

// readLine reads up to a newline, a byte at a time, so that nothing after it is taken.
func readLine(in io.Reader) (string, error) {
	var line strings.Builder
	one := make([]byte, 1)
	for {
		n, err := in.Read(one)
		if n == 1 && one[0] == '\n' {
			return strings.TrimSpace(line.String()), nil
		}
		if n == 1 {
			line.WriteByte(one[0])
		}
		if err != nil {
			return strings.TrimSpace(line.String()), err
		}
	}
}
