// SPDX-License-Identifier: Apache-2.0

package holdfast

import "time"

// A UnitState is where a unit stands.
type UnitState string

// The states of chapter 20; blocked is a unit that cannot start until something outside it changes.
const (
	UnitStopped    UnitState = "stopped"
	UnitStarting   UnitState = "starting"
	UnitReady      UnitState = "ready"
	UnitRunning    UnitState = "running" // up, with no readiness check
	UnitUnhealthy  UnitState = "unhealthy"
	UnitBackingOff UnitState = "backing-off"
	UnitFailed     UnitState = "failed"
	UnitStopping   UnitState = "stopping"
	UnitHeld       UnitState = "held"
	UnitBlocked    UnitState = "blocked"
)

// Up tells whether the unit's process is there and serves.
func (s UnitState) Up() bool { return s == UnitReady || s == UnitRunning }

// A Unit declares something kept running.
type Unit struct {
	// Name is unique in the house: "companion", "notes.ui", "notes.backend", "edge".
	Name string
	// Run is the argument vector; there is no shell.
	Run []string
	// Dir is the working folder, absolute.
	Dir string
	// Env is added to the small base environment.
	Env map[string]string
	// Secrets names the keys of .env that the unit receives, nothing else of it.
	Secrets []string
	// Needs lists what must be up first.
	Needs   []Need
	Ready   *Probe
	Healthy *Probe
	Restart RestartPolicy
	Stop    Stop
	// Port is the port the unit listens on, 0 for none; it is checked to be free before exec.
	Port int
	// Log is the file under var/logs, without ".log"; empty means the unit's name.
	Log string
	// Owner says who declared the unit: "config", "extension NAME", "house".
	Owner    string
	Disabled bool
	// Blocked, when not empty, says why the unit cannot start (a missing secret).
	Blocked string
	// Files are passed as descriptors 3 and up; the unit's holder opens them at each start.
	Files func() ([]uintptr, error)
}

// A Need is a unit that must have come so far: booted, ready or healthy.
type Need struct {
	Unit  string
	Until string
}

// A RestartPolicy says when an ended unit starts again.
type RestartPolicy string

// The restart policies.
const (
	RestartAlways    RestartPolicy = "always"
	RestartOnFailure RestartPolicy = "on-failure"
	RestartNever     RestartPolicy = "never"
)

// A Stop says how a unit is asked to end before it is killed.
type Stop struct {
	Signal string // TERM when empty
	Grace  time.Duration
}

// A Probe asks a unit how it is: exactly one of HTTP, TCP or Exec is set.
type Probe struct {
	HTTP string // path, asked of Port on 127.0.0.1
	TCP  bool
	Exec []string
	Port int // the unit's port when 0
	// Within is how long a start may take until the first success (start period).
	Within   time.Duration
	Every    time.Duration
	Timeout  time.Duration
	Failures int
}

// A UnitStatus is how a unit stands now.
type UnitStatus struct {
	Name      string    `json:"name"`
	Owner     string    `json:"owner"`
	State     UnitState `json:"state"`
	Detail    string    `json:"detail,omitempty"`
	PID       int       `json:"pid,omitempty"`
	Port      int       `json:"port,omitempty"`
	Since     time.Time `json:"since"`
	Restarts  int       `json:"restarts"`
	LastCheck time.Time `json:"last_check,omitzero"`
	Log       string    `json:"log,omitempty"`
}
