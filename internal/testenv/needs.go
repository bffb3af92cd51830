// Package testenv is what tests need of the machine: being root, features of the kernel, workloads to freeze, and proof that nothing is left
// behind. Only it skips tests, and a skip cannot rot: where the kernel ought to have what a test needs, its lack fails the test.
//
// It imports internal/linux and test/workload, nothing of the engine; only tests import it.
//
// A test that freezes and thaws:
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
//
//	func TestTree(t *testing.T) {
//		testenv.Root(t)
//		testenv.NoLeaks(t)
//		testenv.Subreaper(t)
//		w := testenv.Bare(t, "tree", "3", "2") // runs, and has said that it is ready
//		w.Untouched(func() { dump that fails })
//		dump(w.PID)
//		w.Gone() // and its PIDs are free
//		restore()
//		w.Check() // its verdict, and its end
//	}
//
// WOODFROG_TEST_LACKS lists features, separated by commas, that this machine is known to lack though its kernel is new enough (a container
// with a seccomp filter). WOODFROG_TEST_STRICT=1 makes every skip a failure: for machines that lack nothing.
package testenv

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A Feature is something that a kernel may lack.
type Feature struct {
	Name string
	// Since is the first version that has it ("Linux 6.7"), or the configuration option that brings it ("CONFIG_KCMP"); with anything else
	// no kernel has to have it. core/kerndat spells it alike.
	Since string
	// Probe asks the kernel. An error means that it could not tell.
	Probe func() (bool, error)
}

// Root skips the test unless it has the capabilities of root, which freezing other processes takes.
func Root(t testing.TB) {
	t.Helper()
	if missing := missingCaps(); missing != nil {
		skip(t, "needs root: without "+strings.Join(missing, ", "))
	}
}

// Needs skips the test on a kernel that lacks one of features, and fails it where the kernel should have it.
func Needs(t testing.TB, features ...Feature) {
	t.Helper()
	for _, f := range features {
		has, err := f.Probe()
		if err != nil {
			t.Fatalf("%s: probe: %v", f.Name, err)
		}
		if has {
			continue
		}
		lacks := strings.Split(os.Getenv("WOODFROG_TEST_LACKS"), ",")
		if reason := required(f, Release(), kernelConfig); reason != "" && !slices.Contains(lacks, f.Name) {
			t.Fatalf("%s: %s, but it is not there", f.Name, reason)
		}
		skip(t, "needs "+f.Name+": not on this kernel")
	}
}

func skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("WOODFROG_TEST_STRICT") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// required says why the kernel should have f, or nothing if it may lack it.
func required(f Feature, release string, config func(option string) (value string, known bool)) string {
	if strings.HasPrefix(f.Since, "CONFIG_") {
		if value, known := config(f.Since); known && value != "" {
			return fmt.Sprintf("the kernel is configured with %s=%s", f.Since, value)
		}
		return ""
	}
	if version, ok := strings.CutPrefix(f.Since, "Linux "); ok && !older(release, version) {
		return fmt.Sprintf("kernel %s should have it, since %s", release, f.Since)
	}
	return ""
}

// Release is the kernel's release, as `uname -r` prints it.
func Release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// older tells whether a release is of a version before since.
func older(release, since string) bool {
	var have, want [2]int
	for v, to := range map[string]*[2]int{release: &have, since: &want} {
		if n, _ := fmt.Sscanf(v, "%d.%d", &to[0], &to[1]); n != 2 {
			return true
		}
	}
	return have[0] < want[0] || have[0] == want[0] && have[1] < want[1]
}

var neededCaps = []struct {
	name string
	bit  uint
}{
	{"CAP_KILL", unix.CAP_KILL}, {"CAP_SETUID", unix.CAP_SETUID}, {"CAP_SYS_PTRACE", unix.CAP_SYS_PTRACE},
	{"CAP_SYS_ADMIN", unix.CAP_SYS_ADMIN},
}

func missingCaps() (missing []string) {
	var data [2]unix.CapUserData
	err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0])
	for _, c := range neededCaps {
		if err != nil || data[c.bit/32].Effective&(1<<(c.bit%32)) == 0 {
			missing = append(missing, c.name)
		}
	}
	return missing
}

// answer turns an error of a probing call into an answer: one of no says that the kernel does not know the call.
func answer(err error, no ...error) (bool, error) {
	for _, e := range no {
		if errors.Is(err, e) {
			return false, nil
		}
	}
	return err == nil, err
}
