package core

import (
	"log/slog"
	"time"
)

// Options say how to dump or restore. The zero value, with ImagesDir set, dumps and kills, or restores as a child.
// Those that concern one of the two operations are ignored by the other.
type Options struct {
	// ImagesDir is the directory of the image files; a dump writes into it and does not create it.
	ImagesDir string
	// WorkDir gets the statistics files; empty means ImagesDir.
	WorkDir string
	// Log gets what the engine does; nil discards it. Attributes: pid, tid, abi, vma, fd.
	Log *slog.Logger
	// Progress, when not nil, is told now and then how far a stage is, from a goroutine of the engine: one call at a time
	// five times a second. total is 0 where it is not known.
	Progress func(stage string, done, total int64)

	// LeaveRunning lets the tasks run on after the dump, LeaveStopped leaves them stopped (after a restore, too). With
	// neither, a dump ends them.
	LeaveRunning bool
	LeaveStopped bool

	// RestoreDetached makes the root task outlive the engine; RestoreSibling makes it a sibling of the engine, a child
	// of the engine's parent.
	RestoreDetached bool
	RestoreSibling  bool
	// Ending says that this process ends when Dump or Restore has returned: a restore that succeeds leaves it to the kernel then to let go of
	// the tasks, all at once, and to take back what the engine holds, and a dump that fails to let go of those that do not stop. Until then
	// they are stopped.
	Ending bool

	// ShellJob allows a tree whose session or terminal belongs to a process outside of it. At restore it joins those
	// of the engine.
	ShellJob bool
	// FileLocks carries file locks. Only who starts the dump can know that nobody outside of the tree shares them.
	FileLocks bool
	// EvasiveDevices takes any path to a device file when the one it was opened by is gone.
	EvasiveDevices bool
	// SkipFileRWXCheck restores files whose permissions have changed since the dump.
	SkipFileRWXCheck bool
	// CPUCap says which properties of the processor have to match.
	CPUCap CPUCap

	// FreezeTimeout bounds the wait for the tree to stop; 0 means DefaultFreezeTimeout. The context bounds the whole.
	FreezeTimeout time.Duration
	// Fsync makes the images durable before a dump ends the tasks.
	Fsync bool

	// Fault makes the engine fail at one place, for tests: stage:NAME, kill:NAME, op:N, call:N, full:N, vdso:NAME or criu:N.
	// Empty means nowhere.
	Fault string
}

// filled returns o with what its fields say about their zero values.
func (o Options) filled() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.WorkDir == "" {
		o.WorkDir = o.ImagesDir
	}
	if o.FreezeTimeout == 0 {
		o.FreezeTimeout = DefaultFreezeTimeout
	}
	return o
}

// DefaultFreezeTimeout is how long a dump waits for the tree to stop. CRIU's is the same.
const DefaultFreezeTimeout = 10 * time.Second

// CPUCap is the set of processor properties that a restore compares with those of the image, as in CRIU's --cpu-cap.
type CPUCap uint8

const (
	CPUCapFPU   CPUCap = 1 << iota // the layout of the floating point state
	CPUCapIns                      // every instruction set extension that the image's processor had is there
	CPUCapCPU                      // all properties are the same
	CPUCapImage                    // a dump writes them to the image

	CPUCapNone    CPUCap = 0
	CPUCapAll            = CPUCapFPU | CPUCapIns | CPUCapCPU
	CPUCapDefault        = CPUCapFPU | CPUCapIns
)
