package mem

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/aarch64"
	"woodfrog/core/procfs"
	"woodfrog/core/task"
	"woodfrog/core/vdso"
)

func TestRefusedAreas(t *testing.T) {
	for flags, want := range map[string]string{
		"rd wr mr mw me ac sd":       "",
		"rd wr mr mw me lo gd hg dd": "",
		"rd wr um":                   "registered with a userfaultfd: not served yet",
		"rd wr uw":                   "registered with a userfaultfd: not served yet",
		"rd wr ht":                   "huge pages of its own (MAP_HUGETLB): not served yet",
		"rd wr ss":                   "a shadow stack: not served yet",
		"rd wr mt":                   "",
		"rd wr sh mt":                "shared memory with tags (PROT_MTE): not served yet",
		"rd mr sl":                   "sealed (mseal): not served yet",
		"rd wr sh pf io de":          "memory of a driver: not served yet",
	} {
		shared := map[bool]string{true: "s", false: "p"}[strings.Contains(flags, "sh")]
		maps, err := procfs.ParseSmaps([]byte("1000-2000 rw-" + shared + " 00000000 00:00 0 \nVmFlags: " + flags + " \n"))
		require.NoError(t, err)
		_, err = entry(&task.Task{ABI: aarch64.AArch64}, &maps[0], nil)
		if want == "" {
			require.NoError(t, err, flags)
		} else {
			require.EqualError(t, err, want, flags)
		}
	}
	for area, want := range map[string]string{
		"rw-p 00000000 00:00 0 \nProtectionKey: 0": "",
		"rw-p 00000000 00:00 0 \nProtectionKey: 3": "under memory protection key 3: not served yet",
		"--xp 00000000 00:00 0 \nProtectionKey: 1": "",
	} {
		maps, err := procfs.ParseSmaps([]byte("1000-2000 " + area + "\nVmFlags: mr mw me ac \n"))
		require.NoError(t, err)
		if _, err = entry(&task.Task{ABI: aarch64.AArch64}, &maps[0], nil); want == "" {
			require.NoError(t, err, area)
		} else {
			require.EqualError(t, err, want, area)
		}
	}
	for _, own := range []string{"[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]"} {
		maps, err := procfs.ParseSmaps([]byte("1000-2000 r--p 00000000 00:00 0    " + own + "\nVmFlags: rd mr pf io de dd sl \n"))
		require.NoError(t, err)
		proxy := &vdso.Proxy{Group: vdso.Group{{Start: 0x1000, End: 0x2000, Name: own}}}
		_, err = entry(&task.Task{VDSO: proxy}, &maps[0], nil)
		require.NoError(t, err, own)
	}
}
