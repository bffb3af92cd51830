package kerndat

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/procfs"
	"woodfrog/core/vdso"
	"woodfrog/internal/linux"
)

// VDSO is the vDSO that this kernel gives to tasks of one ABI.
type VDSO struct {
	Group vdso.Group // where it was seen; names, order, sizes and distances are the same in every task. Empty if there is none
	Code  []byte     // the code area, as the kernel maps it
	Image *vdso.Image

	Sigpage     vdso.Area // where it was seen; zero where the ABI has none
	SigpageCode []byte    // what is in it

	packed string // Code as the cache has it, Image and Code not made yet
}

// errNoVDSO: the kernel was told to have none (vdso=0), or the ABI has none.
var errNoVDSO = errors.New("this kernel maps none")

// VDSO returns the vDSO for tasks of abi. A kernel that has none is an empty Group.
func (k *Facts) VDSO(abi *arch.ABI) (*VDSO, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.load()
	if v := k.vdsos[abi.Name]; v != nil && v.unpack() == nil {
		return v, nil
	}
	look := ownVDSO
	if abi.Compat {
		look = foreignVDSO
	}
	v, err := look(abi)
	if err != nil {
		return nil, fmt.Errorf("vdso of this kernel for %s: %w", abi.Name, err)
	}
	k.keep(abi.Name, v)
	return v, nil
}

func (k *Facts) keep(name string, v *VDSO) {
	if k.vdsos == nil {
		k.vdsos = map[string]*VDSO{}
	}
	k.vdsos[name] = v
	k.fresh = true
}

// ownVDSO looks at the vDSO of this process.
func ownVDSO(abi *arch.ABI) (*VDSO, error) {
	maps, err := procfs.Self(linux.Pid()).Maps()
	if err != nil {
		return nil, err
	}
	v, err := seenVDSO(maps, linux.Pid())
	if errors.Is(err, errNoVDSO) {
		return v, nil
	}
	if err == nil && v.Image.Machine != abi.Machine {
		return nil, fmt.Errorf("of %v: no task of this ABI was asked", v.Image.Machine)
	}
	return v, err
}

// foreignVDSO looks at the vDSO of a process of another ABI, which never runs.
func foreignVDSO(abi *arch.ABI) (*VDSO, error) {
	var v *VDSO
	err := withABI(abi, func(pid int) error {
		task, err := procfs.Open(procfs.Root, pid)
		if err != nil {
			return err
		}
		defer task.Close()
		maps, err := task.Maps()
		if err == nil {
			v, err = seenVDSO(maps, pid)
		}
		return err
	})
	if errors.Is(err, errNoVDSO) {
		return v, nil
	}
	return v, err
}

// withABI runs f on a stopped child of that ABI. ENOEXEC says that this kernel runs none.
func withABI(abi *arch.ABI, f func(pid int) error) error {
	fd, err := linux.Memfd("probe", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	const at = 1 << 24
	if _, err := unix.Write(fd, abi.Program(make([]byte, 16), at)); err != nil {
		return err
	}
	return withProgram(fmt.Sprintf("/proc/self/fd/%d", fd), f)
}

// probeCompat asks whether programs with 32-bit words run: with CONFIG_IA32_EMULATION or CONFIG_COMPAT, and on a processor that can.
func probeCompat(_, abi *arch.ABI) (bool, error) {
	if abi == nil {
		return false, nil
	}
	return unless(withABI(abi, func(int) error { return nil }), nil, []error{unix.ENOEXEC, unix.EINVAL})
}

// Group is the vDSO among the areas of a task, by their names.
func Group(maps []procfs.Map) (vdso.Group, error) { return vdso.FindGroup(unnamedFiles(maps)) }

// Given is all that exec gives a task of what Areas lists, in that order.
func Given(maps []procfs.Map) ([]vdso.Area, error) {
	v := &VDSO{}
	var err error
	v.Group, err = Group(maps)
	v.Sigpage, _ = vdso.FindSigpage(unnamedFiles(maps))
	return v.Areas(), err
}

// Areas are those of the vDSO, then [sigpage].
func (v *VDSO) Areas() []vdso.Area {
	all := []vdso.Area(slices.Clone(v.Group))
	if v.Sigpage.End != 0 {
		all = append(all, v.Sigpage)
	}
	return all
}

// unnamedFiles are the areas behind which there is no file.
func unnamedFiles(maps []procfs.Map) []vdso.Area {
	var areas []vdso.Area
	for _, m := range maps {
		if m.Inode == 0 {
			areas = append(areas, vdso.Area{Start: m.Start, End: m.End, Prot: vdso.Prot(m.Prot), Name: m.Path})
		}
	}
	return areas
}

// seenVDSO is the vDSO in the address space of pid.
func seenVDSO(maps []procfs.Map, pid int) (*VDSO, error) {
	v := &VDSO{}
	var err error
	if v.Group, err = Group(maps); err != nil {
		return nil, err
	}
	var ok bool
	if v.Sigpage, ok = vdso.FindSigpage(unnamedFiles(maps)); ok {
		if v.SigpageCode, err = readArea(pid, v.Sigpage); err != nil {
			return nil, err
		}
	}
	code, ok := v.Group.Code()
	if !ok {
		v.Group = nil
		return v, errNoVDSO
	}
	if v.Code, err = readArea(pid, code); err != nil {
		return nil, err
	}
	v.Image, err = vdso.Parse(v.Code)
	return v, err
}

func readArea(pid int, a vdso.Area) ([]byte, error) {
	b := make([]byte, a.Size())
	iov := unix.Iovec{Base: &b[0]}
	iov.SetLen(len(b))
	n, err := unix.ProcessVMReadv(pid, []unix.Iovec{iov}, []unix.RemoteIovec{{Base: uintptr(a.Start), Len: len(b)}}, 0)
	if err == nil && n != len(b) {
		err = unix.EFAULT
	}
	if err != nil {
		return nil, fmt.Errorf("read %v: %w", a, err)
	}
	return b, nil
}

// probeVDSOHint asks whether a vDSO that was moved still has its name in /proc/PID/maps: since "x86/vdso: Use _install_special_mapping"
// (Linux 3.16) the name is the mapping's; before, it was that of an address.
func probeVDSOHint(abi, _ *arch.ABI) (bool, error) {
	reliable := false
	err := WithTracee(func(pid int) error {
		task, err := procfs.Open(procfs.Root, pid)
		if err != nil {
			return err
		}
		defer task.Close()
		code := func() (vdso.Area, bool, error) {
			maps, err := task.Maps()
			if err != nil {
				return vdso.Area{}, false, err
			}
			group, err := Group(maps)
			a, ok := group.Code()
			return a, ok, err
		}
		before, ok, err := code()
		if err != nil || !ok {
			return errors.Join(err, errNoVDSO)
		}
		const elsewhere = 1 << 24 // nothing is below an executable's usual addresses
		if err := moveInTracee(abi, pid, before, elsewhere); err != nil {
			return fmt.Errorf("move it: %w", err)
		}
		after, ok, err := code()
		reliable = ok && after.Start == elsewhere
		return err
	})
	return reliable, err
}

// probeMapVDSO asks for the vDSO where there is one: EEXIST (arch/x86/entry/vdso/vma.c, map_vdso_once). Without CONFIG_CHECKPOINT_RESTORE
// the code is unknown: EINVAL. A process that was started without a vDSO gets one; it is left. Only x86 can map one again.
func probeMapVDSO(abi, _ *arch.ABI) (bool, error) {
	if abi.VDSO.MapCode == 0 {
		return false, nil
	}
	_, _, e := unix.Syscall(uintptr(abi.Sys(arch.SysArchPrctl)), uintptr(abi.VDSO.MapCode), 0, 0)
	if e == 0 || errors.Is(e, unix.EEXIST) {
		return true, nil
	}
	return unless(e, nil, []error{unix.EINVAL})
}

// moveInTracee has a stopped child mremap its vDSO, by a system call instruction that is in it.
func moveInTracee(abi *arch.ABI, pid int, a vdso.Area, to uint64) error {
	_, err := callInTracee(abi, pid, a, arch.SysMremap, a.Start, a.Size(), a.Size(), unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, to)
	return err
}

// callInTracee has a stopped child make a system call, by an instruction that is in area code, and returns its registers.
func callInTracee(abi *arch.ABI, pid int, code vdso.Area, call arch.Call, args ...uint64) (gpr []byte, err error) {
	b, err := readArea(pid, code)
	if err != nil {
		return nil, err
	}
	insn := abi.Stub.Syscall(b)
	if insn < 0 {
		return nil, fmt.Errorf("%v: no system call instruction", code)
	}
	if gpr, err = registers(abi, pid); err != nil {
		return nil, err
	}
	var six [6]uint64
	copy(six[:], args)
	abi.Regs.SetCall(gpr, code.Start+uint64(insn), abi.Sys(call), six)
	if err := linux.SetRegSet(pid, abi.RegSets[0].Note, gpr); err != nil {
		return nil, err
	}
	if err := callStop(pid); err != nil {
		return nil, err
	}
	if gpr, err = registers(abi, pid); err != nil {
		return nil, err
	}
	if r := abi.Regs.Result(gpr); r < 0 && r > -4096 {
		return nil, unix.Errno(-r)
	}
	return gpr, nil
}

// registers are the general ones of a stopped child.
func registers(abi *arch.ABI, pid int) ([]byte, error) {
	gpr := make([]byte, abi.RegSets[0].Size)
	n, err := linux.GetRegSet(pid, abi.RegSets[0].Note, gpr)
	return gpr[:n], err
}

// callStop lets the stopped tracee run to the entry of its next system call and on to its exit.
func callStop(pid int) error {
	for range 2 {
		if err := linux.ContSyscall(pid, 0); err != nil {
			return err
		}
		_, status, err := linux.Wait(pid, false)
		if err != nil {
			return err
		}
		if !status.Stopped() {
			return fmt.Errorf("traced child: wait status %#x", uint32(status))
		}
	}
	return nil
}
