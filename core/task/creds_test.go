package task

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"woodfrog/core/procfs"
)

// The rules are those of capabilities(7), "Transformation of capabilities during execve".
func TestAfterExec(t *testing.T) {
	root, other := [4]uint32{}, [4]uint32{7, 7, 7, 7}
	for name, c := range map[string]struct {
		before     procfs.Status
		securebits uint32
		prm, eff   uint64
	}{
		"root gains the bounding set":         {procfs.Status{UID: root, CapBnd: 6, CapPrm: 2}, 0, 6, 6},
		"and what is inheritable":             {procfs.Status{UID: root, CapBnd: 6, CapInh: 9}, 0, 15, 15},
		"but for that bit":                    {procfs.Status{UID: root, CapBnd: 6, CapPrm: 2}, noRoot, 0, 0},
		"and not with no_new_privs":           {procfs.Status{UID: root, CapBnd: 6, CapPrm: 2, NoNewPrivs: true}, 0, 2, 2},
		"others keep ambient ones":            {procfs.Status{UID: other, CapBnd: 6, CapInh: 2, CapPrm: 6, CapAmb: 2}, 0, 2, 2},
		"and no others":                       {procfs.Status{UID: other, CapBnd: 6, CapInh: 6, CapPrm: 6}, 0, 0, 0},
		"the real user root, not in force":    {procfs.Status{UID: [4]uint32{0, 7, 7, 7}, CapBnd: 6}, 0, 6, 0},
		"the effective user root":             {procfs.Status{UID: [4]uint32{7, 0, 7, 7}, CapBnd: 6}, 0, 6, 6},
		"the effective one with no_new_privs": {procfs.Status{UID: [4]uint32{7, 0, 7, 7}, CapBnd: 6, CapPrm: 4, NoNewPrivs: true}, 0, 4, 4},
	} {
		after := AfterExec(&c.before, c.securebits|keepCaps)
		require.Equal(t, capWords(c.prm), after.CapPrm, name)
		require.Equal(t, capWords(c.eff), after.CapEff, name)
		require.Equal(t, c.securebits, after.Secbits, name)
		require.Equal(t, []uint32{after.Euid, after.Euid}, []uint32{after.Suid, after.Fsuid}, name)
	}
}

func TestWhatCredentialsTake(t *testing.T) {
	const pcap, gid = 1 << unix.CAP_SETPCAP, 1 << unix.CAP_SETGID
	base := func() *procfs.Status {
		return &procfs.Status{UID: [4]uint32{7, 7, 7, 7}, CapBnd: 6, CapInh: 2, CapPrm: 4}
	}
	for name, c := range map[string]struct {
		change func(s *procfs.Status) (securebits uint32)
		want   uint64
	}{
		"nothing":                    {func(*procfs.Status) uint32 { return 0 }, 0},
		"fewer capabilities":         {func(s *procfs.Status) uint32 { s.CapPrm, s.CapInh = 0, 0; return 0 }, 0},
		"permitted become inherited": {func(s *procfs.Status) uint32 { s.CapInh = 6; return 0 }, 0},
		"others become inherited":    {func(s *procfs.Status) uint32 { s.CapInh = 3; return 0 }, pcap},
		"a smaller bounding set":     {func(s *procfs.Status) uint32 { s.CapBnd = 2; return 0 }, pcap},
		"securebits":                 {func(*procfs.Status) uint32 { return 1 }, pcap},
		"another user":               {func(s *procfs.Status) uint32 { s.UID = [4]uint32{8, 8, 8, 8}; return 0 }, 0},
		"root":                       {func(s *procfs.Status) uint32 { s.UID = [4]uint32{}; return 0 }, pcap},
		"supplementary groups":       {func(s *procfs.Status) uint32 { s.Groups = []uint32{1}; return 0 }, gid},
	} {
		r, s := Reviver{Creds: CredsOf(base(), 0)}, base()
		securebits := c.change(s)
		require.Equal(t, c.want, r.CredsTake(CredsOf(s, securebits)), name)
	}
}
