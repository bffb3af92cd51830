package task

import (
	"bytes"
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"woodfrog/arch"
	"woodfrog/core/image"
	"woodfrog/core/procfs"
	"woodfrog/core/stub"
)

// CredsOf are the credentials that /proc/PID/status shows.
func CredsOf(s *procfs.Status, securebits uint32) *image.CredsEntry {
	e := &image.CredsEntry{
		Uid: s.UID[0], Euid: s.UID[1], Suid: s.UID[2], Fsuid: s.UID[3],
		Gid: s.GID[0], Egid: s.GID[1], Sgid: s.GID[2], Fsgid: s.GID[3],
		CapInh: capWords(s.CapInh), CapPrm: capWords(s.CapPrm), CapEff: capWords(s.CapEff), CapBnd: capWords(s.CapBnd), CapAmb: capWords(s.CapAmb),
		Secbits: securebits, Groups: s.Groups,
	}
	if s.NoNewPrivs {
		one := uint32(1)
		e.NoNewPrivs = &one
	}
	return e
}

func capWords(c uint64) []uint32 { return []uint32{uint32(c), uint32(c >> 32)} }

func capSet(w []uint32) uint64 {
	var c uint64
	for i, v := range w[:min(len(w), 2)] {
		c |= uint64(v) << (32 * i)
	}
	return c
}

// Securebits (include/uapi/linux/securebits.h).
const noSetuidFixup = 1 << 2

// creds appends the change of credentials. Capabilities live through the change of ids by SECBIT_NO_SETUID_FIXUP; ambient ones
// want to be inheritable first; securebits want CAP_SETPCAP, so the final capset comes last.
func (r *Reviver) creds(p *stub.Program, c *image.CredsEntry) (changed bool) {
	if r.sameCreds(c) {
		return false
	}
	p.Call(arch.SysPrctl, unix.PR_SET_SECUREBITS, r.Creds.Secbits|noSetuidFixup)
	var groups []byte
	for _, g := range c.Groups {
		groups = binary.LittleEndian.AppendUint32(groups, g)
	}
	p.Call(arch.SysSetgroups, len(c.Groups), p.Area.Bytes(groups))
	p.Call(arch.SysSetresgid, c.Gid, c.Egid, c.Sgid)
	p.Call(arch.SysSetfsgid, c.Fsgid).Ignore() // returns the old one
	p.Call(arch.SysSetresuid, c.Uid, c.Euid, c.Suid)
	p.Call(arch.SysSetfsuid, c.Fsuid).Ignore()
	bnd := capSet(c.CapBnd)
	for n := range 64 {
		if have := capSet(r.Creds.CapBnd); have>>n&1 != 0 && bnd>>n&1 == 0 {
			p.Call(arch.SysPrctl, unix.PR_CAPBSET_DROP, n)
		}
	}
	prm, eff, inh, amb := capSet(c.CapPrm), capSet(c.CapEff), capSet(c.CapInh), capSet(c.CapAmb)
	full := capSet(r.Creds.CapPrm)
	if amb != 0 {
		capset(p, full, full, inh)
		for n := range 64 {
			if amb>>n&1 != 0 {
				p.Call(arch.SysPrctl, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, n, 0, 0)
			}
		}
	}
	p.Call(arch.SysPrctl, unix.PR_SET_SECUREBITS, c.Secbits)
	if c.NoNewPrivs != nil && *c.NoNewPrivs != 0 {
		p.Call(arch.SysPrctl, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	capset(p, eff, prm, inh)
	return true
}

// sameCreds is asked of every thread, twice.
func (r *Reviver) sameCreds(c *image.CredsEntry) bool {
	o := r.Creds
	ids := func(c *image.CredsEntry) [9]uint32 {
		return [9]uint32{c.Uid, c.Gid, c.Euid, c.Egid, c.Suid, c.Sgid, c.Fsuid, c.Fsgid, c.Secbits}
	}
	sets := func(c *image.CredsEntry) [][]uint32 {
		return [][]uint32{c.CapInh, c.CapPrm, c.CapEff, c.CapBnd, c.CapAmb, c.Groups}
	}
	return ids(o) == ids(c) && equal(o.NoNewPrivs, c.NoNewPrivs) && equal(o.LsmProfile, c.LsmProfile) && equal(o.LsmSockcreate, c.LsmSockcreate) &&
		bytes.Equal(o.ApparmorData, c.ApparmorData) && slices.EqualFunc(sets(o), sets(c), slices.Equal)
}

func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// capset appends capset(2) with version 3 of its header.
func capset(p *stub.Program, eff, prm, inh uint64) {
	const version3 = 0x20080522
	hdr := binary.LittleEndian.AppendUint32(nil, version3)
	hdr = binary.LittleEndian.AppendUint32(hdr, 0)
	var data []byte
	for shift := 0; shift < 64; shift += 32 {
		for _, set := range []uint64{eff, prm, inh} {
			data = binary.LittleEndian.AppendUint32(data, uint32(set>>shift))
		}
	}
	p.Call(arch.SysCapset, p.Area.Bytes(hdr), p.Area.Bytes(data))
}
