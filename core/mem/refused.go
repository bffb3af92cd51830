package mem

import (
	"fmt"

	"woodfrog/core/procfs"
)

// unserved are flags of areas that a dump would lose, or whose pages are no memory. Only smaps tells them, so they show when the task
// is stopped; what maps tells is refused before.
var unserved = []struct {
	flags procfs.VmFlags // any of them
	what  string
}{
	{procfs.VmUffdMissing | procfs.VmUffdWP | procfs.VmUffdMinor, "registered with a userfaultfd"},
	{procfs.VmHugetlb, "huge pages of its own (MAP_HUGETLB)"},
	{procfs.VmShadowStack, "a shadow stack"},
	{procfs.VmSealed, "sealed (mseal)"},
	{procfs.VmIO | procfs.VmPfnMap | procfs.VmMixedMap, "memory of a driver"},
	{procfs.VmNonlinear, "a file mapped in no order (remap_file_pages)"},
}

// refused returns an error for an area that cannot be carried. The kernel's own areas may be sealed and are no memory: it makes them
// anew.
func refused(m *procfs.Smap) error {
	for _, u := range unserved {
		if m.Flags&u.flags != 0 {
			return fmt.Errorf("%s: not served yet", u.what)
		}
	}
	if m.Shared && Tagged(m) {
		return fmt.Errorf("shared memory with tags (PROT_MTE): not served yet")
	}
	// Memory that can only be executed has a key of the kernel's own choice (arch/x86/mm/pkeys.c, __arch_override_mprotect_pkey).
	if m.ProtectionKey.Value != 0 && m.Prot != procfs.ProtExec {
		return fmt.Errorf("under memory protection key %d: not served yet", m.ProtectionKey.Value)
	}
	return nil
}
