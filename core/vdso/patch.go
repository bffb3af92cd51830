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
		code, err := d.code(abi, base, rt, far)
		if err != nil {
			return err
		}
		at := d.Value &^ 1
		if uint64(len(code)) > d.Room || at > uint64(len(mem)) || uint64(len(code)) > uint64(len(mem))-at {
			return fmt.Errorf("vdso: %s: %d bytes of code in a function of %d", d.Names[0], len(code), d.Room)
		}
		copy(mem[at:], code)
	}
	return nil
}

func (d *Decision) code(abi *arch.ABI, base, rt uint64, far bool) ([]byte, error) {
	enc := &abi.VDSO
	switch d.Action {
	case Keep:
		return nil, nil
	case Jump:
		at, target := base+d.Value, rt+d.Target
		if code := enc.Near(at, target); code != nil && !far {
			return code, nil
		}
		return enc.Far(at, target), nil
	case Int80:
		if enc.Int80 == nil {
			return nil, fmt.Errorf("vdso: %s: no function of this ABI", d.Names[0])
		}
		return enc.Int80, nil
	case Fail:
		return enc.Fail(), nil
	}
	call, ok := enc.SystemCalls[d.Call]
	if !ok || abi.Sys(call) < 0 {
		return nil, fmt.Errorf("vdso: %s: this kernel has no such function and no system call stands for it", d.Names[0])
	}
	if d.Action == CallRandom {
		return enc.CallRandom(abi.Sys(call)), nil
	}
	return enc.Call(abi.Sys(call)), nil
}
