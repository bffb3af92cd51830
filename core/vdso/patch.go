package vdso

import (
	"fmt"

	"woodfrog/arch"
)

// Patch writes over the functions of an image's vDSO, which is mem and will lie at base, what decisions say; rt is where the code
// of the vDSO that serves the task will lie. ELF headers, tables and notes stay as they are: they are read again by debuggers,
// unwinders and the next restore. With far, no short branches are used.
func Patch(mem []byte, abi *arch.ABI, decisions []Decision, base, rt uint64, far bool) error {
	for _, d := range decisions {
		at := d.Value &^ 1
		if at > uint64(len(mem)) || d.Room > uint64(len(mem))-at {
			return fmt.Errorf("vdso: %s: %d bytes at %#x: outside of %d bytes", d.Names[0], d.Room, at, len(mem))
		}
		room := mem[at:][:d.Room]
		code, err := d.code(abi, room, base, rt, far)
		if err != nil {
			return err
		}
		if len(code) > len(room) {
			return fmt.Errorf("vdso: %s: %d bytes of code in a function of %d", d.Names[0], len(code), d.Room)
		}
		copy(room, code)
	}
	return nil
}

// code is what goes over the function, whose code is old; nil if that stays.
func (d *Decision) code(abi *arch.ABI, old []byte, base, rt uint64, far bool) ([]byte, error) {
	enc := &abi.VDSO
	at := base + d.Value
	switch d.Action {
	case Keep:
		return nil, nil
	case Jump:
		target := rt + d.Target
		if code := enc.Near(at, target); code != nil && !far && !d.Entry {
			return code, nil
		}
		return enc.Far(at, target), nil
	case Vsyscall:
		if enc.Vsyscall != nil {
			return enc.Vsyscall(old), nil
		}
	case Fail:
		if enc.Fail != nil {
			return enc.Fail(at), nil
		}
	case Call, CallRandom:
		call, ok := enc.SystemCalls[d.Call]
		if !ok || abi.Sys(call) < 0 {
			return nil, fmt.Errorf("vdso: %s: this kernel has no such function and no system call stands for it", d.Names[0])
		}
		if d.Action == Call {
			return enc.Call(at, abi.Sys(call)), nil
		}
		if enc.CallRandom != nil {
			return enc.CallRandom(at, abi.Sys(call)), nil
		}
	}
	return nil, fmt.Errorf("vdso: %s: no function of this ABI", d.Names[0])
}
