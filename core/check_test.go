package core

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"woodfrog/arch/host"
	"woodfrog/core/kerndat"
)

// criuNames are the names that criu check --feature knows in version 4.2 (criu/cr-check.c).
const criuNames = `mnt_id mem_dirty_track aio_remap timerfd tun tun_ns userns fdinfo_lock seccomp_suspend seccomp_filters
loginuid cgroupns autofs tcp_half_closed compat_cr uffd uffd-noncoop can_map_vdso sk_ns sk_unix_file net_diag_raw nsid
link_nsid kcmp_epoll timens external_net_ns clone3_set_tid newifindex nftables has_ipt_legacy pidfd_store ns_pid
apparmor_stacking network_lock_nftables sockopt_buf_lock memfd_hugetlb move_mount_set_group openat2 get_rseq_conf
ipv6_freebind pagemap_scan timer_cr_ids overlayfs_maps breakpoints pagemap_scan_guard_pages`

func TestCheckFeatureKnowsTheNames(t *testing.T) {
	names := strings.Fields(criuNames)
	require.Equal(t, names, FeatureNames()[:len(names)])
	for f := range kerndat.NumFeatures {
		require.Contains(t, FeatureNames(), f.String())
	}
	for _, f := range criuFeatures {
		if f.lacks == "" {
			require.Equal(t, f.name, f.feature.String())
		}
	}
}

func TestCheckFeature(t *testing.T) {
	err := CheckFeature(host.Backend(), "no_such")
	require.ErrorIs(t, err, ErrUnknownFeature)
	err = CheckFeature(host.Backend(), "uffd")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "uffd: ")
	if os.Geteuid() == 0 {
		require.NoError(t, CheckFeature(host.Backend(), "mnt_id"))
	}
}

func TestCheckAsksEverything(t *testing.T) {
	findings, err := Check(t.Context(), host.Backend(), Options{})
	require.NoError(t, err)
	require.Len(t, findings, int(kerndat.NumFeatures))
	for _, f := range findings {
		require.Equal(t, f.Answer == kerndat.Unknown, f.Err != nil, f.Feature)
	}
}

func TestFindingStops(t *testing.T) {
	require.True(t, Finding{Feature: kerndat.Kcmp, Answer: kerndat.No}.Stops())
	require.True(t, Finding{Feature: kerndat.MntID, Answer: kerndat.Unknown}.Stops())
	require.False(t, Finding{Feature: kerndat.MntID, Answer: kerndat.Yes}.Stops())
	require.False(t, Finding{Feature: kerndat.PagemapScan, Answer: kerndat.No}.Stops())
}
