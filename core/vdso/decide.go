package vdso

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Action is what becomes of a function of the image vDSO.
type Action uint8

const (
	// Jump to the function of the same name in the rt-vDSO.
	Jump Action = iota
	// Call makes the system call in its place, with the function's return convention.
	Call
	// CallRandom is Call for getrandom: the query of the size of its state (opaque_len all ones) gets -ENOSYS.
	CallRandom
	// Vsyscall makes __kernel_vsyscall independent of the kernel and leaves every place at which a thread may be blocked.
	Vsyscall
	// Fail returns an error.
	Fail
	// Keep leaves the code as it is.
	Keep
)

func (a Action) String() string {
	return [...]string{"jump", "call", "call random", "vsyscall", "fail", "keep"}[a]
}

// Decision is what becomes of the code at one address, which may have several names.
type Decision struct {
	Names  []string
	Value  uint64 // of the symbols: bit 0 is set in Thumb functions
	Room   uint64 // bytes up to the end of the function or the next one, whichever comes first
	Action Action
	Target uint64 // Jump: value of the symbol in the rt-vDSO
	Entry  bool   // Jump: the target wants its own address in the register that Far uses
	Call   string // Call, CallRandom: the system call's name
}

// role is what there is to know of a function, whatever prefix it has. All others have a trampoline, and if they are gone nothing
// stands for them.
type role struct {
	always bool // the action does not depend on the rt-vDSO
	action Action
	call   string
}

var roles = map[string]role{
	"clock_gettime":                  {action: Call, call: "clock_gettime"},
	"clock_gettime64":                {action: Call, call: "clock_gettime64"},
	"clock_getres":                   {action: Call, call: "clock_getres"},
	"clock_getres_time64":            {action: Call, call: "clock_getres_time64"},
	"gettimeofday":                   {action: Call, call: "gettimeofday"},
	"time":                           {action: Call, call: "time"},
	"getcpu":                         {action: Call, call: "getcpu"},
	"getrandom":                      {action: CallRandom, call: "getrandom"},
	"sgx_enter_enclave":              {action: Fail},
	"futex_robust_list32_try_unlock": {action: Keep},
	"futex_robust_list64_try_unlock": {action: Keep},
	// Unwinders know these by their bytes, and they make a system call that every kernel has.
	"sigreturn":     {always: true, action: Keep},
	"rt_sigreturn":  {always: true, action: Keep},
	"sigtramp_rt64": {always: true, action: Keep},
	"sigtramp_rt32": {always: true, action: Keep},
	"sigtramp32":    {always: true, action: Keep},
	"vsyscall":      {always: true, action: Vsyscall},
}

// bare is a function's name without what the architecture puts before it.
func bare(name string) string {
	for _, prefix := range []string{"__vdso_", "__kernel_"} {
		if s, ok := strings.CutPrefix(name, prefix); ok {
			return s
		}
	}
	return name
}

// Decide says for every function of img what becomes of it in a task that rt serves, in the order of their addresses. Functions
// are taken from the symbol tables, never from a list: a list gets old.
func Decide(img, rt *Image) ([]Decision, error) {
	target := map[string]Symbol{}
	for _, s := range rt.Functions() {
		target[s.Name] = s
	}
	functions := img.Functions()
	slices.SortStableFunc(functions, func(a, b Symbol) int { return cmp.Compare(a.Value, b.Value) })
	var all []Decision
	for i := 0; i < len(functions); {
		d := Decision{Value: functions[i].Value, Room: functions[i].Size}
		first := i
		for ; i < len(functions) && functions[i].Value&^1 == d.Value&^1; i++ {
			s := functions[i]
			d.Names = append(d.Names, s.Name)
			d.Room = max(d.Room, s.Size)
			if s.Value != d.Value {
				return nil, fmt.Errorf("vdso: %s and %s: one address, two modes", d.Names[0], s.Name)
			}
		}
		if i < len(functions) {
			d.Room = min(d.Room, functions[i].Value&^1-d.Value&^1)
		}
		if err := d.decide(functions[first:i], target); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

func (d *Decision) decide(names []Symbol, target map[string]Symbol) error {
	known := false
	for _, s := range names {
		r, ok := roles[bare(s.Name)]
		if ok && r.always {
			d.Action = r.action
			return nil
		}
		if ok && !known {
			known = true
			d.Action, d.Call = r.action, r.call
		}
	}
	for _, s := range names {
		if to, ok := target[s.Name]; ok {
			d.Action, d.Call, d.Target, d.Entry = Jump, "", to.Value, to.Local()
			return nil
		}
	}
	if !known {
		return fmt.Errorf("vdso: %s: this kernel has no such function and no system call stands for it", names[0].Name)
	}
	return nil
}
