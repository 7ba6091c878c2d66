// SPDX-License-Identifier: Apache-2.0

package extension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk"
)

// A wish is what an extension's files ask for and only an operator gives: a key of .env by its name,
// the network, writing its own folder, a tool that agents run without asking. An extension may write
// its folder, its manifest in it, so what it asks for more than it was granted waits. Which program
// a manifest names is no wish: it runs in the same sandbox, as all that the folder holds.
const (
	wishKey     = "key:"
	wishNetwork = "network"
	wishFolder  = "folder"
	wishUnasked = "unasked:"
)

// A grant is what an extension was given: all that it asked for when its folder was first seen, for
// only an operator puts one there, and what an operator accepted since.
type grant struct {
	Granted []string `json:"granted"`
	// Told are the wishes beyond it that the journal has.
	Told  []string `json:"told,omitempty"`
	known bool     // there is a record
	lost  error    // the record cannot be read, so that nothing counts as given
}

// grantFile is the record of one grant. It lies where no extension writes.
func grantFile(h home.Home, name string) string { return h.Var("grants", name+".json") }

func readGrant(h home.Home, name string) grant {
	g := grant{known: true}
	text, err := os.ReadFile(grantFile(h, name))
	if errors.Is(err, fs.ErrNotExist) {
		return grant{}
	}
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		return grant{known: true, lost: fmt.Errorf("cannot read var/grants/%s.json: %w", name, err)}
	}
	return g
}

func (g grant) write(h home.Home, name string) error {
	text, err := json.Marshal(g)
	if err != nil {
		return err
	}
	path := grantFile(h, name)
	if err := (disk.Disk{}).MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return home.WriteFile(path, append(text, '\n'), 0o600)
}

// wishes are what the extension asks for. Tools that the book knows are not among them: the book
// decides on those.
func (x *extension) wishes(b book) []string {
	all := []string{}
	for _, key := range x.manifest.RequiredSecrets {
		all = append(all, wishKey+key)
	}
	asked := x.manifest.Sandbox
	if asked == nil || asked.Network != networkOff {
		all = append(all, wishNetwork)
	}
	if asked == nil || asked.Folder != folderRead {
		all = append(all, wishFolder)
	}
	for tool, setting := range x.tools.settings {
		if setting.Passthrough && !b.decides(x.name, tool) {
			all = append(all, wishUnasked+tool)
		}
	}
	slices.Sort(all)
	return all
}

// weigh holds what the extension asks for against what it was granted. The first sight of it grants
// all.
func (x *extension) weigh(g grant, b book) {
	x.grant = g
	wishes := x.wishes(b)
	if !g.known {
		x.grant = grant{Granted: wishes}
		return
	}
	x.asks = slices.DeleteFunc(wishes, func(wish string) bool { return slices.Contains(g.Granted, wish) })
	if g.lost != nil && len(x.asks) > 0 {
		x.withheld = "what it was granted is not known: " + g.lost.Error() + "; " + x.remedy()
	}
}

// tell journals what extensions ask for beyond their grants, each wish once.
func (e *Extensions) tell(ctx context.Context, list []standing) {
	for _, x := range list {
		fresh := slices.DeleteFunc(slices.Clone(x.asks), func(wish string) bool { return slices.Contains(x.grant.Told, wish) })
		if e.needs.Journal == nil || len(fresh) == 0 || !x.grant.known || x.grant.lost != nil {
			continue
		}
		house := holdfast.Internal("extensions", "extension.asked")
		_, err := e.needs.Journal.Append(ctx, holdfast.Entry{
			Caller: house.String(), Tier: house.Tier, Action: "extension.asked", Subject: x.name, Outcome: holdfast.OutcomeRefused,
			Detail: encode(map[string]any{"wishes": fresh[:min(len(fresh), mostJournaled)], "count": len(fresh)}),
		})
		if err == nil {
			x.grant.Told = slices.Concat(x.grant.Told, fresh)
			err = x.grant.write(e.needs.Home, x.name)
		}
		if err != nil {
			e.needs.Log.Error("cannot journal what an extension asks for", slog.String("extension", x.name), slog.Any("error", err))
		}
	}
}

// waits tells whether a wish is not granted.
func (x *extension) waits(wish string) bool { return slices.Contains(x.asks, wish) }

// secrets are the keys that the extension asks for and was granted.
func (x *extension) secrets() []string {
	return slices.DeleteFunc(slices.Clone(x.manifest.RequiredSecrets), func(key string) bool { return x.waits(wishKey + key) })
}

// mostTold bounds how many wishes one line tells: an extension may ask for thousands.
const mostTold = 8

// mostJournaled bounds how many wishes one entry of the journal names.
const mostJournaled = 100

// asked are the wishes beyond the grant, for a line.
func (x *extension) asked() string {
	if more := len(x.asks) - mostTold; more > 0 {
		return strings.Join(x.asks[:mostTold], ", ") + fmt.Sprintf(" and %d more, which `holdfast extension show %s` lists", more, x.name)
	}
	return strings.Join(x.asks, ", ")
}

// remedy is how an operator gives what the extension asks for.
func (x *extension) remedy() string {
	wishes := strings.Join(x.asks[:min(len(x.asks), mostTold)], " ")
	if len(x.asks) > mostTold {
		wishes += " …"
	}
	return "give it what it may have of that with `holdfast extension accept " + x.name + " " + wishes + "`"
}

// unrecorded tells whether a first sight is not written down.
func (x *extension) unrecorded() bool { return x.grant.Granted != nil && !x.grant.known }

// record writes down what was granted at the first sight. An extension that is not recorded does not
// run: at the next look it could ask for more, and that would be the first sight.
func (x *extension) record(h home.Home) {
	if !x.unrecorded() {
		return
	}
	if err := x.grant.write(h, x.name); err != nil {
		x.withheld = "what it is granted cannot be recorded: " + err.Error()
		return
	}
	x.grant.known = true
}

type acceptIn struct {
	Name   string   `json:"name" help:"name of the extension's folder" required:"true" pos:"1" max:"63"`
	Wishes []string `json:"wishes" help:"what it may have of that which it asks for" pos:"2"`
}

// accept grants what is named of that which the extension asks for now. What it asks for since the
// person looked is not named, and still waits.
func (e desk) accept(ctx context.Context, in acceptIn) (Summary, error) {
	if !holdfast.ByPerson(ctx) {
		return Summary{}, &holdfast.Refusal{
			Guard: "tier", Reason: "only a person of tier operator gives an extension more",
			Remedy: "run `holdfast extension accept` in a terminal of your own",
		}
	}
	e.syncing.Lock()
	defer e.syncing.Unlock()
	if _, err := e.sync(ctx); err != nil {
		return Summary{}, err
	}
	x, err := e.find(in.Name)
	if err != nil {
		return Summary{}, err
	}
	if err := x.acceptable(in.Wishes); err != nil {
		return Summary{}, err
	}
	more := grant{Granted: slices.Concat(x.grant.Granted, in.Wishes), Told: x.grant.Told}
	slices.Sort(more.Granted)
	more.Granted = slices.Compact(more.Granted)
	if err := more.write(e.needs.Home, x.name); err != nil {
		return Summary{}, fmt.Errorf("cannot record what %s is granted: %w", x.name, err)
	}
	if _, err := e.sync(ctx); err != nil {
		return Summary{}, err
	}
	x, err = e.find(in.Name)
	return x.summary(), err
}

// acceptable refuses what the extension does not ask for.
func (x *extension) acceptable(wishes []string) error {
	if len(x.asks) == 0 {
		return holdfast.Errorf(holdfast.CodeConflict, "%s asks for nothing that it was not granted", x.name)
	}
	var problems []holdfast.Problem
	if len(wishes) == 0 {
		problems = append(problems, holdfast.Problem{Field: "wishes", Message: "names nothing; it asks for " + x.asked(), Remedy: x.remedy()})
	}
	for _, wish := range wishes {
		if !x.waits(wish) {
			problems = append(problems, holdfast.Problem{
				Field: "wishes", Message: fmt.Sprintf("%.80q is not what %s asks for", wish, x.name), Remedy: "it asks for " + x.asked(),
			})
		}
	}
	if len(problems) > 0 {
		return holdfast.BadInput("", problems...)
	}
	return nil
}
