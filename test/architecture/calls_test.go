package architecture

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch"
	"woodfrog/arch/arm"
	"woodfrog/test/abis"
)

// otherNames are calls that 32-bit ABIs know by another name: those with wide user ids, offsets in pages or of 64 bits, times of
// 64 bits. Not those whose arguments are in another order, such as sync_file_range2.
var otherNames = map[string]string{
	"mmap": "mmap2", "fcntl": "fcntl64", "ftruncate": "ftruncate64", "setresuid": "setresuid32", "setresgid": "setresgid32",
	"setgroups": "setgroups32", "setfsuid": "setfsuid32", "setfsgid": "setfsgid32",
	"timer_settime": "timer_settime64", "timer_gettime": "timer_gettime64", "timerfd_settime": "timerfd_settime64",
	"rt_sigtimedwait": "rt_sigtimedwait_time64",
}

// arms are calls of a number space of arm's own, which x/sys does not have (arch/arm/include/uapi/asm/unistd.h).
var arms = map[string]int{"cacheflush": 0xf0002, "set_tls": 0xf0005}

// TestCalls compares the ABIs' system call numbers with those that x/sys has from the kernel.
func TestCalls(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	require.NoError(t, err)
	for goarch, abi := range abis.ByGOARCH {
		numbers := xsysNumbers(t, filepath.Join(strings.TrimSpace(string(dir)), "unix", "zsysnum_linux_"+goarch+".go"))
		for c := range arch.NumCalls {
			want, known := numbers[c.String()]
			if abi.WordSize() == 4 {
				if n, ok := numbers[otherNames[c.String()]]; ok {
					want, known = n, true
				}
			}
			if n, ok := arms[c.String()]; ok && abi == arm.Arm {
				want, known = n, true
			}
			if !known {
				want = -1
			}
			require.Equal(t, want, abi.Sys(c), "%s: %s", abi.Name, c)
			require.NotEqual(t, arch.NoCall, want)
		}
	}
}

func xsysNumbers(t *testing.T, path string) map[string]int {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	numbers := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\s+SYS_(\w+)\s+= (\d+)$`).FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.Atoi(m[2])
		require.NoError(t, err)
		numbers[strings.ToLower(m[1])] = n
	}
	require.NotEmpty(t, numbers)
	return numbers
}
