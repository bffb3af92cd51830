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
const (
	noRoot        = 1 << 0
	noSetuidFixup = 1 << 2
	keepCaps      = 1 << 4
)

// AfterExec are the credentials of a child of the process s that has executed a program without any of its own: a root user gains what it may
// have, another one keeps only ambient capabilities (security/commoncap.c, cap_bprm_creds_from_file).
func AfterExec(s *procfs.Status, securebits uint32) *image.CredsEntry {
	c := CredsOf(s, securebits)
	amb := capSet(c.CapAmb)
	var gains uint64
	becomesRoot := c.Euid == 0
	if securebits&noRoot == 0 && (c.Uid == 0 || becomesRoot) {
		gains = s.CapBnd | s.CapInh
		if s.NoNewPrivs && gains&^s.CapPrm != 0 {
			gains &= s.CapPrm
			c.Euid, c.Egid = c.Uid, c.Gid
		}
	}
	if s.UID[1] != s.UID[0] || s.GID[1] != s.GID[0] { // other than a change of users by the file, but it counts as one
		amb = 0
	}
	prm, eff := gains|amb, amb
	if gains != 0 && becomesRoot {
		eff = prm
	}
	c.CapPrm, c.CapEff, c.CapAmb = capWords(prm), capWords(eff), capWords(amb)
	c.Suid, c.Fsuid, c.Sgid, c.Fsgid = c.Euid, c.Euid, c.Egid, c.Egid
	c.Secbits &^= keepCaps
	return c
}

// Lacks says that tasks begin without some of these capabilities in force.
func (r *Reviver) Lacks(caps uint64) bool { return caps&^capSet(r.Creds.CapEff) != 0 }

func uids(c *image.CredsEntry) [4]uint32 { return [4]uint32{c.Uid, c.Euid, c.Suid, c.Fsuid} }
func gids(c *image.CredsEntry) [4]uint32 { return [4]uint32{c.Gid, c.Egid, c.Sgid, c.Fsgid} }

// credsChange is what is to be done to give a task other credentials than it has. What is the same already is not set: that would take
// capabilities, too.
type credsChange struct {
	users, groups, supplementary bool
	fixup                        bool   // capabilities would not live through the change of users
	securebits                   bool   // are others
	inherit                      bool   // capabilities become inheritable, some of them
	beyond                       bool   // and these are not permitted
	drop                         uint64 // from the bounding set
	clear, raise                 uint64 // ambient capabilities
	sets                         bool   // of capabilities
}

func changeOf(from, to *image.CredsEntry) (c credsChange) {
	c.users, c.groups, c.supplementary = uids(from) != uids(to), gids(from) != gids(to), !slices.Equal(from.Groups, to.Groups)
	root := func(e *image.CredsEntry) bool { u := uids(e); return slices.Contains(u[:], 0) }
	c.fixup = c.users && from.Secbits&noSetuidFixup == 0 && (root(from) || root(to))
	c.securebits = from.Secbits != to.Secbits
	c.drop = capSet(from.CapBnd) &^ capSet(to.CapBnd)
	if have, want := capSet(from.CapAmb), capSet(to.CapAmb); have != want {
		c.clear, c.raise = have&^want, want
	}
	more := capSet(to.CapInh) &^ capSet(from.CapInh)
	c.inherit, c.beyond = more != 0 || c.raise != 0, more&^capSet(from.CapPrm) != 0
	c.sets = c.inherit || !slices.Equal(from.CapEff, to.CapEff) || !slices.Equal(from.CapPrm, to.CapPrm) || !slices.Equal(from.CapInh, to.CapInh)
	return c
}

// takes are the capabilities that the change takes, those left out that are about which users and which capabilities are given.
func (c *credsChange) takes() (caps uint64) {
	if c.fixup || c.securebits || c.drop != 0 || c.beyond {
		caps |= 1 << unix.CAP_SETPCAP
	}
	if c.supplementary {
		caps |= 1 << unix.CAP_SETGID
	}
	return caps
}

// CredsTake are the capabilities that the change to credentials c takes and that the engine cannot give its tasks.
func (r *Reviver) CredsTake(c *image.CredsEntry) uint64 {
	change := changeOf(r.Creds, c)
	return change.takes() &^ capSet(r.Creds.CapEff)
}

// creds appends the change of credentials. Groups come before the users, who may have no right to them any more. Capabilities live through the
// change of users by SECBIT_NO_SETUID_FIXUP. They become inheritable before they are ambient, and before they leave the bounding set, which is the
// limit of that (security/commoncap.c, cap_capset). Securebits want CAP_SETPCAP, so the final capset comes last.
func (r *Reviver) creds(p *stub.Program, c *image.CredsEntry) (changed bool) {
	if r.sameCreds(c) {
		return false
	}
	change, bits := changeOf(r.Creds, c), r.Creds.Secbits
	if change.fixup {
		bits |= noSetuidFixup
		p.Call(arch.SysPrctl, unix.PR_SET_SECUREBITS, bits)
	}
	if change.supplementary {
		var groups []byte
		for _, g := range c.Groups {
			groups = binary.LittleEndian.AppendUint32(groups, g)
		}
		p.Call(arch.SysSetgroups, len(c.Groups), p.Area.Bytes(groups))
	}
	if change.groups {
		p.Call(arch.SysSetresgid, c.Gid, c.Egid, c.Sgid)
		p.Call(arch.SysSetfsgid, c.Fsgid).Ignore() // returns the old one
	}
	if change.users {
		p.Call(arch.SysSetresuid, c.Uid, c.Euid, c.Suid)
		p.Call(arch.SysSetfsuid, c.Fsuid).Ignore()
	}
	if change.clear != 0 {
		p.Call(arch.SysPrctl, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	if change.inherit {
		full := capSet(r.Creds.CapPrm)
		capset(p, full, full, capSet(c.CapInh))
	}
	for n := range 64 {
		if change.raise>>n&1 != 0 {
			p.Call(arch.SysPrctl, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, n, 0, 0)
		}
		if change.drop>>n&1 != 0 {
			p.Call(arch.SysPrctl, unix.PR_CAPBSET_DROP, n)
		}
	}
	if bits != c.Secbits {
		p.Call(arch.SysPrctl, unix.PR_SET_SECUREBITS, c.Secbits)
	}
	if c.NoNewPrivs != nil && *c.NoNewPrivs != 0 {
		p.Call(arch.SysPrctl, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	}
	if change.sets {
		capset(p, capSet(c.CapEff), capSet(c.CapPrm), capSet(c.CapInh))
	}
	return true
}

// sameCreds is asked of every thread, twice.
func (r *Reviver) sameCreds(c *image.CredsEntry) bool {
	o := r.Creds
	sets := func(c *image.CredsEntry) [][]uint32 {
		return [][]uint32{c.CapInh, c.CapPrm, c.CapEff, c.CapBnd, c.CapAmb, c.Groups}
	}
	return uids(o) == uids(c) && gids(o) == gids(c) && o.Secbits == c.Secbits && equal(o.NoNewPrivs, c.NoNewPrivs) && equal(o.LsmProfile, c.LsmProfile) && equal(o.LsmSockcreate, c.LsmSockcreate) &&
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
