package preflight

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/kerndat"
	"woodfrog/core/ptrace"
)

const otherProcessor = "restore on a machine with the features of the one that dumped"

// registers tries the registers of the image on a child that never runs: what some processors and kernels have only, and how long vectors may
// be, shows in what the kernel takes. It is not made for a tree that has no such registers.
func (v *review) registers() {
	list := v.optionalSets()
	if len(list) == 0 {
		return
	}
	err := kerndat.WithTracee(func(pid int) error {
		told := map[[2]any]bool{}
		for _, s := range list {
			if key := [2]any{s.pid, s.Name}; !told[key] {
				if cause := s.try(pid); cause != "" {
					told[key] = true
					v.add(s.pid, fmt.Sprintf("thread %d", s.tid), "registers "+s.Name+": "+cause, otherProcessor)
				}
			}
		}
		return nil
	})
	if err != nil {
		v.add(0, "woodfrog", "cannot try registers: "+err.Error(), "restore as root")
	}
}

// storedSet is a register set of a thread of the image.
type storedSet struct {
	arch.RegSet
	pid, tid int
	b        []byte
}

// optionalSets are the sets of native threads that not every processor or kernel has, each content once a task.
func (v *review) optionalSets() (list []storedSet) {
	for _, t := range v.Set.Tasks {
		if t.Dead() || image.ABIOf(t.Core(), v.ABIs) != v.ABIs[0] {
			continue
		}
		seen := map[string]bool{}
		for _, th := range t.Threads {
			for _, set := range v.ABIs[0].RegSets {
				if !set.Optional || set.ReadOnly {
					continue
				}
				b, err := image.StoredSet(th.Core, &set, th.Xstate)
				if err != nil {
					v.add(t.Pid(), fmt.Sprintf("thread %d", th.Tid), "registers "+set.Name+": "+err.Error(), "make the image anew")
				}
				if key := set.Name + string(b); len(b) > 0 && !seen[key] {
					seen[key] = true
					list = append(list, storedSet{set, t.Pid(), th.Tid, b})
				}
			}
		}
	}
	return list
}

// try says what is in the way of giving the set to a thread.
func (s *storedSet) try(pid int) (cause string) {
	here, err := ptrace.ReadRegisters(pid, s.RegSet, make([]byte, s.Size))
	switch {
	case err != nil:
		return err.Error()
	case here == nil && s.Kept != nil && !s.InUse(s.b):
		return "" // whoever counts on vectors would not get far here
	case here == nil:
		return "this processor or kernel has none"
	}
	b := s.b
	if !s.Varies && len(b) < len(here) {
		b = append(bytes.Clone(b), make([]byte, len(here)-len(b))...)
	}
	if !s.Varies {
		b = b[:len(here)] // what is cut off is seen when the thread gets it
	}
	if err := ptrace.SetRegisters(pid, s.RegSet, b); err != nil {
		return "this processor or kernel does not take them: " + err.Error()
	}
	if s.Kept == nil {
		return ""
	}
	if here, err = ptrace.ReadRegisters(pid, s.RegSet, make([]byte, s.Size)); err != nil {
		return err.Error()
	}
	if !bytes.Equal(s.Kept(here), s.Kept(b)) {
		return "this processor has no vectors of that length"
	}
	return ""
}

// protections: of areas that this processor may not know. Only mprotect tells; mmap may take no notice (arch_validate_prot and
// arch_calc_vm_prot_bits of the kernel).
func (v *review) protections(t *image.Task) {
	unusual := image.UnusualProt(t.Mm.Vmas)
	if unusual == 0 {
		return
	}
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return
	}
	defer func() { _ = unix.Munmap(page) }()
	for bit := uint32(1); bit != 0; bit <<= 1 {
		if unusual&bit == 0 || unix.Mprotect(page, unix.PROT_READ|int(bit)) == nil {
			continue
		}
		name := fmt.Sprintf("protection %#x", bit)
		for _, p := range image.ABIOf(t.Core(), v.ABIs).Protections {
			if p.Bits == bit {
				name = p.Name
			}
		}
		v.add(t.Pid(), "memory", "under "+name+": this processor or kernel has no such protection", otherProcessor)
	}
}
