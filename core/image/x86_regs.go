package image

import (
	"fmt"

	"woodfrog/arch"
)

// Sizes of NT_PRSTATUS on x86: struct user_regs_struct and, where the task runs 32-bit code, user_regs_struct32
// (arch/x86/include/asm/user_64.h and user32.h).
const (
	x86RegsSize   = 27 * 8
	x86Regs32Size = 17 * 4
)

// x86Regs lists the fields in the order of user_regs_struct, 8 bytes each.
func x86Regs(r *UserX86RegsEntry) [27]*uint64 {
	return [27]*uint64{
		&r.R15, &r.R14, &r.R13, &r.R12, &r.Bp, &r.Bx, &r.R11, &r.R10, &r.R9, &r.R8, &r.Ax, &r.Cx, &r.Dx, &r.Si, &r.Di,
		&r.OrigAx, &r.Ip, &r.Cs, &r.Flags, &r.Sp, &r.Ss, &r.FsBase, &r.GsBase, &r.Ds, &r.Es, &r.Fs, &r.Gs,
	}
}

// x86Regs32 lists the fields in the order of user_regs_struct32, 4 bytes each.
func x86Regs32(r *UserX86RegsEntry) [17]*uint64 {
	return [17]*uint64{
		&r.Bx, &r.Cx, &r.Dx, &r.Si, &r.Di, &r.Bp, &r.Ax, &r.Ds, &r.Es, &r.Fs, &r.Gs, &r.OrigAx, &r.Ip, &r.Cs, &r.Flags,
		&r.Sp, &r.Ss,
	}
}

// X86Gpregs makes the message of NT_PRSTATUS. The kernel chooses the set by the code segment the thread is in, not by its
// ABI, and so does the message's mode.
func X86Gpregs(gpr []byte) (*UserX86RegsEntry, error) {
	r := new(UserX86RegsEntry)
	switch len(gpr) {
	case x86RegsSize:
		r.Mode = new(UserX86RegsMode_NATIVE)
		for i, p := range x86Regs(r) {
			*p = order.Uint64(gpr[8*i:])
		}
	case x86Regs32Size:
		r.Mode = new(UserX86RegsMode_COMPAT)
		for i, p := range x86Regs32(r) {
			*p = uint64(order.Uint32(gpr[4*i:]))
		}
	default:
		return nil, fmt.Errorf("NT_PRSTATUS: %d bytes: neither %d nor %d", len(gpr), x86RegsSize, x86Regs32Size)
	}
	return r, nil
}

// X86Prstatus is the reverse of X86Gpregs.
func X86Prstatus(r *UserX86RegsEntry) ([]byte, error) {
	if r.Mode == nil || *r.Mode == UserX86RegsMode_NATIVE {
		gpr := make([]byte, 0, x86RegsSize)
		for _, p := range x86Regs(r) {
			gpr = order.AppendUint64(gpr, *p)
		}
		return gpr, nil
	}
	if *r.Mode != UserX86RegsMode_COMPAT {
		return nil, fmt.Errorf("gpregs.mode: %v", *r.Mode)
	}
	gpr := make([]byte, 0, x86Regs32Size)
	for i, p := range x86Regs32(r) {
		if *p > 1<<32-1 {
			return nil, fmt.Errorf("gpregs: register %d of 32-bit code: %#x: more than 32 bits", i, *p)
		}
		gpr = order.AppendUint32(gpr, uint32(*p))
	}
	return gpr, nil
}

// X86ThreadInfo makes the message of a thread's registers: NT_PRSTATUS and NT_X86_XSTATE, or NT_PRFPREG on processors
// without XSAVE. Components that the message has no field for are returned beside it, or nil if none is in use. The
// caller adds clear_tid_addr and TLS.
func X86ThreadInfo(gpr, xstate []byte, layout *XstateLayout) (*ThreadInfoX86, *XstateEntry, error) {
	r, err := X86Gpregs(gpr)
	if err != nil {
		return nil, nil, err
	}
	fp, rest, err := X86Fpregs(xstate, layout)
	if err != nil {
		return nil, nil, err
	}
	return &ThreadInfoX86{Gpregs: r, Fpregs: fp}, rest, nil
}

const x86DescSize = 16 // struct user_desc (arch/x86/include/uapi/asm/ldt.h)

// Bits of the last word of struct user_desc; contents are two bits.
const (
	desc32bit = 1 << iota
	descContentsL
	descContentsH
	descReadExecOnly
	descLimitInPages
	descNotPresent
	descUseable
)

// x86Put makes the message of the register sets of an x86 thread; what has no room there is returned beside it.
func x86Put(regs [][]byte, layout *arch.XstateLayout) (*ThreadInfoX86, *XstateEntry, error) {
	ti, rest, err := X86ThreadInfo(regs[0], regs[1], layout)
	if err == nil && len(regs) > 2 {
		ti.Tls, err = X86TLS(regs[2])
	}
	return ti, rest, err
}

// x86Take is the reverse.
func x86Take(ti *ThreadInfoX86, abi *arch.ABI, layout *arch.XstateLayout, rest *XstateEntry, sizes []int, room []byte) ([][]byte, error) {
	if ti == nil || ti.Gpregs == nil || ti.Fpregs == nil {
		return nil, fmt.Errorf("thread_info: missing")
	}
	gpr, err := X86Prstatus(ti.Gpregs)
	if err != nil {
		return nil, err
	}
	xstate, err := putXstate(room, ti.Fpregs, rest, layout, sizes[1])
	if err != nil {
		return nil, err
	}
	if len(gpr) != abi.RegSets[0].Size {
		return nil, fmt.Errorf("thread_info.gpregs.mode: not of %s", abi.Name)
	}
	regs := [][]byte{gpr, xstate}
	if len(abi.RegSets) > 2 {
		tls, err := x86Areas(ti.Tls)
		if err != nil {
			return nil, err
		}
		regs = append(regs, tls)
	}
	return regs, nil
}

// X86TLS makes the messages of NT_386_TLS, the thread's segments in the GDT. Empty ones are left out.
func X86TLS(raw []byte) ([]*UserDescT, error) {
	if len(raw)%x86DescSize != 0 {
		return nil, fmt.Errorf("NT_386_TLS: %d bytes: not a multiple of %d", len(raw), x86DescSize)
	}
	var tls []*UserDescT
	for ; len(raw) > 0; raw = raw[x86DescSize:] {
		flags := order.Uint32(raw[12:])
		if flags&descNotPresent != 0 {
			continue // as restorers of these messages see it
		}
		tls = append(tls, &UserDescT{
			EntryNumber:   order.Uint32(raw),
			BaseAddr:      order.Uint32(raw[4:]),
			Limit:         order.Uint32(raw[8:]),
			Seg_32Bit:     flags&desc32bit != 0,
			ContentsH:     flags&descContentsH != 0,
			ContentsL:     flags&descContentsL != 0,
			ReadExecOnly:  flags&descReadExecOnly != 0,
			LimitInPages:  flags&descLimitInPages != 0,
			SegNotPresent: flags&descNotPresent != 0,
			Usable:        flags&descUseable != 0,
		})
	}
	return tls, nil
}

// The thread's own entries of the GDT (GDT_ENTRY_TLS_MIN, arch/x86/include/asm/segment.h, 64-bit kernels).
const (
	tlsFirst = 12
	tlsCount = 3
)

// x86Areas is the reverse of X86TLS. Entries that the image has not are empty ones (LDT_empty, arch/x86/include/asm/desc.h).
func x86Areas(tls []*UserDescT) ([]byte, error) {
	all := make([]*UserDescT, tlsCount)
	for i := range all {
		all[i] = &UserDescT{EntryNumber: uint32(tlsFirst + i), ReadExecOnly: true, SegNotPresent: true}
	}
	for _, d := range tls {
		if d.SegNotPresent {
			continue
		}
		i := d.EntryNumber - tlsFirst
		if i >= tlsCount {
			return nil, fmt.Errorf("thread_info.tls: entry %d: not one of %d to %d", d.EntryNumber, tlsFirst, tlsFirst+tlsCount-1)
		}
		all[i] = d
	}
	var raw []byte
	for _, d := range all {
		raw = append(raw, X86UserDesc(d)...)
	}
	return raw, nil
}

// X86UserDesc makes the struct user_desc of a message.
func X86UserDesc(d *UserDescT) []byte {
	raw := make([]byte, 0, x86DescSize)
	for _, v := range [3]uint32{d.EntryNumber, d.BaseAddr, d.Limit} {
		raw = order.AppendUint32(raw, v)
	}
	var flags uint32
	for i, set := range [7]bool{
		d.Seg_32Bit, d.ContentsL, d.ContentsH, d.ReadExecOnly, d.LimitInPages, d.SegNotPresent, d.Usable,
	} {
		if set {
			flags |= 1 << i
		}
	}
	return order.AppendUint32(raw, flags)
}
