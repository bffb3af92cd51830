package kerndat

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestRows(t *testing.T) {
	names := make(map[string]bool)
	for f := range NumFeatures {
		require.NotEmpty(t, f.String())
		require.False(t, names[f.String()], f)
		names[f.String()] = true
		require.NotEmpty(t, f.Needs(), f)
		require.NotEmpty(t, f.Use(), f)
		require.NotEqual(t, features[f].probe == nil, features[f].with == nil, f)
	}
}

func TestAnswersOfThisKernel(t *testing.T) {
	k := Facts{ABI: native}
	for f := range NumFeatures {
		a, err := k.Ask(f)
		t.Log(f, a, err)
		require.Equal(t, a == Unknown, err != nil, f)
		again, _ := k.Ask(f)
		require.Equal(t, a, again, f)
	}
	if os.Geteuid() == 0 { // Linux 5.10 and later, and the suite's needs
		for _, f := range []Feature{Privileges, Clone3SetTid, Kcmp, MntID, FdinfoLock, FdinfoTimerfd, Openat2, SeccompFilters} {
			a, err := k.Ask(f)
			require.Equal(t, Yes, a, "%s: %v", f, err)
		}
	}
}

// TestAnswersWhereNULLIsMemory: the same of a process whose page 0 is mapped.
func TestAnswersWhereNULLIsMemory(t *testing.T) {
	if os.Geteuid() != 0 {
		return // vm.mmap_min_addr
	}
	const mmapPageZero = 0x0100000 // MMAP_PAGE_ZERO
	runtime.LockOSThread()         // and never unlocked: it ends with its personality
	_, _, e := unix.Syscall(unix.SYS_PERSONALITY, mmapPageZero, 0, 0)
	require.Zero(t, e)
	out, err := exec.Command(os.Args[0], "-test.run=^TestAnswersOfThisKernel$").CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestOnlyConclusiveAnswersAreKept(t *testing.T) {
	old := features[Openat2]
	defer func() { features[Openat2] = old }()
	asked := 0
	result := func() (bool, error) { return false, errors.New("no memory") }
	features[Openat2].probe = func() (bool, error) { asked++; return result() }

	var k Facts
	a, err := k.Ask(Openat2)
	require.Equal(t, Unknown, a)
	require.EqualError(t, err, "probe openat2: no memory")
	require.Error(t, k.Demand(Openat2))
	require.NotErrorIs(t, k.Demand(Openat2), errors.ErrUnsupported)
	require.Equal(t, 3, asked)

	result = func() (bool, error) { return false, nil }
	err = k.Demand(Openat2)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.EqualError(t, err, "openat2: not there (needs Linux 5.6)")
	require.Error(t, k.Demand(Openat2))
	require.Equal(t, 4, asked)
}

func TestUnless(t *testing.T) {
	yes, no := []error{unix.EFAULT}, []error{unix.EINVAL, unix.ENOSYS}
	for _, c := range []struct {
		err  error
		want bool
		tell bool
	}{
		{nil, true, true},
		{unix.EFAULT, true, true},
		{unix.ENOSYS, false, true},
		{unix.EPERM, false, false},
	} {
		got, err := unless(c.err, yes, no)
		require.Equal(t, c.want, got)
		require.Equal(t, c.tell, err == nil)
	}
}
