package core

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A fault is the one place at which an operation goes wrong on purpose, for tests (Options.Fault). It is reached by the path
// that a real failure would take.
type fault struct {
	kind  string
	stage string
	names []string
	n     int64 // the n-th of its kind
	seen  atomic.Int64
}

// Kinds of faults, the word in front of the colon.
const (
	faultStage = "stage" // stage:NAME fails at its start
	faultKill  = "kill"  // kill:NAME: the engine's process is killed at the start of the stage, by SIGKILL
	faultOp    = "op"    // op:N: of the operations of stub programs that may not fail, the N-th laid down is a call that no kernel has
	faultCrash = "crash" // crash:N: the N-th of them reads from where nothing is: SIGSEGV in the stub
	faultCall  = "call"  // call:N: the N-th system call that a task is made to make by hand is one that no kernel has
	faultFull  = "full"  // full:N: there is no space left for the N-th image file
	faultVDSO  = "vdso"  // vdso:NAME[,NAME...]: the vDSO takes other paths than the usual ones (restore_vdso.go, dump_vdso.go)
	faultCRIU  = "criu"  // criu:N: what CRIU_FAULT=N means, where it means something here
)

// An operation is a dump or a restore: what its faults may name.
type operation struct {
	name   string
	stages []string
	criu   map[int]string // CRIU's numbers (criu/include/fault-injection.h); an empty string: it is like this anyway
}

// criuOnly are the numbers that only one of the operations knows; for the other they mean nothing.
var criuOnly = map[int]bool{1: true, 2: true, 3: true, 5: true, 6: true, 136: true}

// parseFault reads a fault of operation op; an empty text is none.
func parseFault(text string, op *operation) (*fault, error) {
	if text == "" {
		return nil, nil
	}
	kind, arg, _ := strings.Cut(text, ":")
	bad := func(why string) (*fault, error) { return nil, fmt.Errorf("fault %q: %s", text, why) }
	switch kind {
	case faultStage, faultKill:
		if !slices.Contains(op.stages, arg) {
			return bad(fmt.Sprintf("stages of a %s are %s", op.name, strings.Join(op.stages, ", ")))
		}
		return &fault{kind: kind, stage: arg}, nil
	case faultVDSO:
		for _, name := range strings.Split(arg, ",") {
			if name, _, _ := strings.Cut(name, "="); !slices.Contains(vdsoFaults, name) {
				return bad("faults of the vDSO are " + strings.Join(vdsoFaults, ", "))
			}
		}
		return &fault{kind: kind, names: strings.Split(arg, ",")}, nil
	case faultOp, faultCrash, faultCall, faultFull, faultCRIU:
		n, err := strconv.ParseInt(arg, 10, 32)
		if err != nil || n <= 0 {
			return bad("want a number from 1 on")
		}
		if kind != faultCRIU {
			return &fault{kind: kind, n: n}, nil
		}
		same, ok := op.criu[int(n)]
		if !ok && !criuOnly[int(n)] {
			return bad("this fault of CRIU's is not served")
		}
		return parseFault(same, op)
	}
	return bad("want stage:NAME, kill:NAME, op:N, crash:N, call:N, full:N, vdso:NAME or criu:N")
}

// at is asked at the start of each stage.
func (f *fault) at(stage string) error {
	switch {
	case f == nil || f.stage != stage:
		return nil
	case f.kind == faultKill:
		_ = unix.Kill(unix.Getpid(), unix.SIGKILL)
	}
	return fmt.Errorf("stage %s: fault injected", stage)
}

// op, crash, call and file say whether it is this one that goes wrong.
func (f *fault) op() bool    { return f.hit(faultOp) }
func (f *fault) crash() bool { return f.hit(faultCrash) }
func (f *fault) call() bool  { return f.hit(faultCall) }
func (f *fault) file() bool  { return f.hit(faultFull) }

func (f *fault) hit(kind string) bool { return f != nil && f.kind == kind && f.seen.Add(1) == f.n }
