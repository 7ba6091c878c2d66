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

// A UnitKind says what carries a unit out.
type UnitKind string

// The kinds of chapter 20; the zero value is a process.
const (
	KindProcess   UnitKind = "process"
	KindContainer UnitKind = "container"
	KindCommands  UnitKind = "commands"
)

// A Unit declares something kept running.
type Unit struct {
	// Name is unique in the house: "companion", "notes.ui", "notes.backend", "edge".
	Name string
	Kind UnitKind
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
	// RestartCap bounds the delay between restarts; 0 is the supervisor's own bound.
	RestartCap time.Duration
	Stop       Stop
	// Port is the port the unit listens on, 0 for none; it is checked to be free before exec.
	Port int
	// Log is the file under var/logs, without ".log"; empty means the unit's name.
	Log string
	// Owner says who declared the unit: "config", "extension NAME", "house".
	Owner    string
	Disabled bool
	// Blocked, when not empty, says why the unit cannot start (a missing secret).
	Blocked string
	Limits  Limits
	// Sandbox confines the unit; nil leaves it free.
	Sandbox *Sandbox
	// User is the account the unit runs as, by name or uid; empty for the house's own.
	User string
	// Worker marks a short-lived agent process: it counts for the zombie guard, and `down` leaves it
	// to finish its work unless told otherwise.
	Worker bool
	// Idle ends the unit when it wrote no line and used next to no CPU for this long; 0 never does.
	Idle time.Duration
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

// Limits bound what a unit may use; a zero field is no limit.
type Limits struct {
	NoFile    uint64  // open files (RLIMIT_NOFILE)
	Memory    int64   // bytes, of the whole tree
	CPU       float64 // cores, of the whole tree: 0.5 is half a core
	Processes int     // of the whole tree
	Nice      int     // -20 … 19
}

// A Sandbox confines a unit: it reads and writes only what is listed, and gains no privileges.
type Sandbox struct {
	// Read and Write are absolute paths, with all beneath; what may be written may be read.
	Read  []string
	Write []string
	// Network is "on" (also when empty) or "off": no sockets but those handed to it.
	Network string
}

// A Probe asks a unit how it is: exactly one of HTTP, TCP, Exec, Heartbeat or Line is set.
type Probe struct {
	HTTP string // path, asked of Port on 127.0.0.1
	TCP  bool
	Exec []string
	// Heartbeat is a file that the unit touches; older than twice Every is stale.
	Heartbeat string
	// Line is a regular expression that a line of the unit's log must match: once to be ready, within
	// twice Every to be healthy.
	Line string
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
	// Kind is left out for a process.
	Kind   UnitKind `json:"kind,omitempty"`
	Worker bool     `json:"worker,omitempty"`
	// Needs are the names of the units that must be up first.
	Needs []string `json:"needs,omitempty"`
	// Lacks tells which limits or confinements this machine does not enforce, and why.
	Lacks []string `json:"lacks,omitempty"`
}
