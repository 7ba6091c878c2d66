// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func limits(hour, day int64) Thresholds {
	t := Defaults()
	t.HardCapPerHour, t.HardCapPerDay = hour, day
	return t
}

func TestDefaultsAreTheChapters(t *testing.T) {
	t.Parallel()
	want := Thresholds{
		HardCapPerHour: 15_000_000, HardCapPerDay: 100_000_000, SoftCapPct: 0.80, HardCapPct: 1.00,
		CooldownHours: 4, CutStreams: true, BlindSeconds: 60,
	}
	if got := Defaults(); !got.Equal(want) || len(got.Check()) > 0 {
		t.Errorf("got %+v (%v)", got, got.Check())
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		burn   Burn
		want   Level
		window string
	}{
		"nothing":                          {Burn{}, Calm, "hour"},
		"below the soft line":              {Burn{Hour: 799}, Calm, "hour"},
		"at the soft line":                 {Burn{Hour: 800}, Warn, "hour"},
		"reserved counts":                  {Burn{Hour: 700, Reserved: 100}, Warn, "hour"},
		"settled at the hard line":         {Burn{Hour: 1000}, Halt, "hour"},
		"what just fits is not cut":        {Burn{Hour: 500, Reserved: 500}, Warn, "hour"},
		"settled and reserved past it":     {Burn{Hour: 500, Reserved: 501}, Halt, "hour"},
		"the day":                          {Burn{Hour: 1, Day: 5000}, Halt, "day"},
		"the day warns":                    {Burn{Hour: 1, Day: 4000}, Warn, "day"},
		"the worse window decides":         {Burn{Hour: 1000, Day: 4500}, Halt, "hour"},
		"calm names the fuller window":     {Burn{Hour: 10, Day: 2000}, Calm, "day"},
		"far past every line stays a HALT": {Burn{Hour: 1 << 50, Day: 1 << 50}, Halt, "hour"},
	} {
		v := Judge(c.burn, limits(1000, 5000))
		if v.Level != c.want || v.Window.Name != c.window {
			t.Errorf("%s: %s by the %s", name, v.Level, v.Window.Name)
		}
	}
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		burn    Burn
		need    int64
		fits    bool
		reached bool
	}{
		"fits":                             {Burn{Hour: 900}, 100, true, false},
		"one too many":                     {Burn{Hour: 900}, 101, false, true},
		"full of calls under way":          {Burn{Hour: 100, Reserved: 900}, 1, false, false},
		"full, and a large call":           {Burn{Hour: 700}, Ordinary + 1, false, false},
		"in the WARN zone and large":       {Burn{Hour: 900}, Ordinary + 1, false, true},
		"an ordinary call over a tiny cap": {Burn{}, 2000, false, true},
		"the day is full":                  {Burn{Day: 4999}, 2, false, true},
	} {
		short := Admit(c.burn, c.need, limits(1000, 5000))
		if (short == nil) != c.fits || short != nil && short.Reached != c.reached {
			t.Errorf("%s: %+v", name, short)
		}
	}
}

// TestAdmittedIsNeverCut holds the promise between the two judgements: what Admit let in does not
// by itself make Judge halt, unless settled tokens are at the line.
func TestAdmittedIsNeverCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		th := limits(rapid.Int64Range(1, 1<<40).Draw(t, "hour"), rapid.Int64Range(1, 1<<40).Draw(t, "day"))
		b := Burn{Hour: rapid.Int64Range(0, 1<<40).Draw(t, "settled"), Reserved: rapid.Int64Range(0, 1<<40).Draw(t, "reserved")}
		b.Day = b.Hour + rapid.Int64Range(0, 1<<40).Draw(t, "earlier")
		need := rapid.Int64Range(0, 1<<40).Draw(t, "need")
		if Admit(b, need, th) != nil {
			return
		}
		b.Reserved += need
		v := Judge(b, th)
		settled := b.Hour >= th.HardCapPerHour || b.Day >= th.HardCapPerDay
		if v.Level == Halt && !settled {
			t.Fatalf("%+v with %+v was admitted and halts", b, th)
		}
	})
}

func TestProjection(t *testing.T) {
	t.Parallel()
	th := limits(6000, 1_000_000)
	// 1,200 in ten minutes are 7,200 an hour: past the cap of 6,000, which has 4,800 left.
	if got := Judge(Burn{Hour: 1200, Day: 1200, Recent: 1200}, th).Projected; got != 40*time.Minute {
		t.Errorf("projected %s", got)
	}
	// 900 in ten minutes are 5,400 an hour, which the sliding hour bears for ever.
	if got := Judge(Burn{Hour: 900, Day: 900, Recent: 900}, th).Projected; got != 0 {
		t.Errorf("a bearable rate is projected to meet the cap in %s", got)
	}
}

func TestMayEnd(t *testing.T) {
	t.Parallel()
	th := limits(1000, 5000)
	for name, c := range map[string]struct {
		burn Burn
		want bool
	}{
		"low":                  {Burn{Hour: 499, Day: 2499}, true},
		"the hour is too high": {Burn{Hour: 500}, false},
		"the day is too high":  {Burn{Day: 2500}, false},
		"reserved is too high": {Burn{Hour: 300, Reserved: 200}, false},
	} {
		if got := MayEnd(c.burn, th); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Thresholds){
		"no hour":               func(t *Thresholds) { t.HardCapPerHour = 0 },
		"a negative day":        func(t *Thresholds) { t.HardCapPerDay = -1 },
		"no soft line":          func(t *Thresholds) { t.SoftCapPct = 0 },
		"soft above hard":       func(t *Thresholds) { t.SoftCapPct = 1.2 },
		"no hard line":          func(t *Thresholds) { t.HardCapPct = 0 },
		"hard beyond all":       func(t *Thresholds) { t.HardCapPct = 11 },
		"a negative cooldown":   func(t *Thresholds) { t.CooldownHours = -1 },
		"blind before it looks": func(t *Thresholds) { t.BlindSeconds = 5 },
		"a tenant without caps": func(t *Thresholds) { t.Tenants = map[string]Caps{"acme": {}} },
		"a key below nothing":   func(t *Thresholds) { t.Keys = map[string]Caps{"ci": {HardCapPerHour: 5, HardCapPerDay: -1}} },
		"a tenant without name": func(t *Thresholds) { t.Tenants = map[string]Caps{"": {HardCapPerHour: 5}} },
	} {
		bad := Defaults()
		if change(&bad); len(bad.Check()) == 0 {
			t.Errorf("%s is accepted", name)
		}
		if bad.Equal(Defaults()) {
			t.Errorf("%s equals the defaults", name)
		}
	}
	good := Defaults()
	good.Tenants = map[string]Caps{"acme": {HardCapPerDay: 5}}
	if wrong := good.Check(); len(wrong) > 0 {
		t.Errorf("a tenant's cap is refused: %v", wrong)
	}
}

// TestOneCapAlone judges by the windows that have one.
func TestOneCapAlone(t *testing.T) {
	t.Parallel()
	th := Defaults().For(Caps{HardCapPerDay: 1000})
	if v := Judge(Burn{Hour: 1 << 40, Day: 999, Recent: 900}, th); v.Level != Warn || v.Window.Name != "day" {
		t.Errorf("%s by the %s", v.Level, v.Window.Name)
	}
	if short := Admit(Burn{Hour: 1 << 40, Day: 900}, 101, th); short == nil || short.Window.Name != "day" {
		t.Errorf("admitted past the day: %+v", short)
	}
	if Admit(Burn{Hour: 1 << 40}, 1, th) != nil || !MayEnd(Burn{Hour: 1 << 40}, th) {
		t.Error("a window without a cap judges")
	}
}
