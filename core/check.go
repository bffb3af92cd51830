package core

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"slices"

	"woodfrog/arch"
	"woodfrog/core/kerndat"
	"woodfrog/core/vdso"
	"woodfrog/internal/fds"
)

// Finding is what Check found out about one feature of the kernel.
type Finding struct {
	Feature kerndat.Feature
	Answer  kerndat.Answer
	Err     error // why the answer is unknown
}

// Stops says whether the finding keeps tasks from being dumped or restored: all of them, or those that use the feature.
func (f Finding) Stops() bool { return f.Answer != kerndat.Yes && f.Feature.Need() != kerndat.Better }

// Check asks the kernel for everything that the engine makes use of. Of the options it uses the log.
func Check(ctx context.Context, b *arch.Backend, o Options) ([]Finding, error) {
	o = o.filled()
	facts := kerndat.Facts{ABI: b.Native(), Compat: b.Compat()}
	defer fds.Flush()
	defer facts.Save()
	findings := make([]Finding, 0, kerndat.NumFeatures)
	for f := range kerndat.NumFeatures {
		if err := ctx.Err(); err != nil {
			return findings, fmt.Errorf("check: %w", err)
		}
		a, err := facts.Ask(f)
		o.Log.DebugContext(ctx, "kernel feature", "name", f, "answer", a, "err", err)
		findings = append(findings, Finding{Feature: f, Answer: a, Err: err})
	}
	return findings, nil
}

// KernelVDSO is the vDSO that this kernel gives to tasks of an ABI.
type KernelVDSO struct {
	ABI       string
	Areas     vdso.Group // none: there is no vDSO
	Functions []string
	BuildID   []byte
	Err       error // why it is not known
}

// VDSOs are those of all ABIs, and the file in which they, and what Check found, are kept while this kernel runs; empty where there is none.
func VDSOs(b *arch.Backend) (all []KernelVDSO, cache string) {
	facts := kerndat.Facts{ABI: b.Native(), Compat: b.Compat()}
	for _, abi := range b.ABIs {
		v, err := facts.VDSO(abi)
		k := KernelVDSO{ABI: abi.Name, Err: err}
		if err == nil && len(v.Group) > 0 {
			k.Areas, k.BuildID = v.Group, v.Image.BuildID
			for _, s := range v.Image.Symbols {
				if s.Type == elf.STT_FUNC && !s.Abs {
					k.Functions = append(k.Functions, s.Name)
				}
			}
		}
		all = append(all, k)
	}
	facts.Save()
	return all, facts.File()
}

// FeatureNames are the names that CheckFeature knows: CRIU's, and then those that only Check has.
func FeatureNames() []string {
	var names []string
	for _, f := range allFeatures() {
		names = append(names, f.name)
	}
	return names
}

func allFeatures() []criuFeature {
	all := slices.Clone(criuFeatures)
	for f := range kerndat.NumFeatures {
		if !slices.ContainsFunc(criuFeatures, func(c criuFeature) bool { return c.name == f.String() }) {
			all = append(all, criuFeature{name: f.String(), feature: f})
		}
	}
	return all
}

// ErrUnknownFeature is what CheckFeature returns for a name that it does not know.
var ErrUnknownFeature = errors.New("unknown feature")

// CheckFeature answers for one of FeatureNames. Nil says that the kernel has it and that the engine carries
// what it is for; callers ask to find out what they may do, so a feature of the kernel alone is no yes.
func CheckFeature(b *arch.Backend, name string) error {
	for _, f := range allFeatures() {
		switch {
		case f.name != name:
		case f.lacks != "":
			return &notServedError{name, f.lacks}
		default:
			facts := kerndat.Facts{ABI: b.Native(), Compat: b.Compat()}
			defer fds.Flush()
			defer facts.Save()
			return facts.Demand(f.feature)
		}
	}
	return fmt.Errorf("%s: %w", name, ErrUnknownFeature)
}

// notServedError says that the engine does not serve a feature, whatever the kernel can do.
type notServedError struct{ name, lacks string }

func (e *notServedError) Error() string { return e.name + ": " + e.lacks + " yet" }

func (e *notServedError) Is(target error) bool { return target == errors.ErrUnsupported }

// criuFeature is a name of criu check --feature: with the feature of the kernel behind it, or with what the engine lacks.
type criuFeature struct {
	name    string
	feature kerndat.Feature
	lacks   string
}

// What the engine does not carry.
const (
	lacksTracking = "changes of memory are not tracked"
	lacksDevices  = "such devices are not carried"
	lacksNs       = "namespaces are not carried"
	lacksSockets  = "sockets are not carried"
	lacksLazy     = "memory is not restored on demand"
)

var criuFeatures = []criuFeature{
	{name: "mnt_id", feature: kerndat.MntID},
	{name: "mem_dirty_track", lacks: lacksTracking},
	{name: "aio_remap", lacks: "AIO rings are not carried"},
	{name: "timerfd", feature: kerndat.FdinfoTimerfd},
	{name: "tun", lacks: lacksDevices},
	{name: "tun_ns", lacks: lacksDevices},
	{name: "userns", lacks: lacksNs},
	{name: "fdinfo_lock", feature: kerndat.FdinfoLock},
	{name: "seccomp_suspend", feature: kerndat.SeccompSuspend},
	{name: "seccomp_filters", feature: kerndat.SeccompFilters},
	{name: "loginuid", lacks: "login uids are not carried"},
	{name: "cgroupns", lacks: lacksNs},
	{name: "autofs", lacks: "autofs mounts are not carried"},
	{name: "tcp_half_closed", lacks: lacksSockets},
	{name: "compat_cr", feature: kerndat.CompatCR},
	{name: "uffd", lacks: lacksLazy},
	{name: "uffd-noncoop", lacks: lacksLazy},
	{name: "can_map_vdso", feature: kerndat.MapVDSO},
	{name: "sk_ns", lacks: lacksSockets},
	{name: "sk_unix_file", lacks: lacksSockets},
	{name: "net_diag_raw", lacks: lacksSockets},
	{name: "nsid", lacks: lacksNs},
	{name: "link_nsid", lacks: lacksNs},
	{name: "kcmp_epoll", feature: kerndat.KcmpEpoll},
	{name: "timens", lacks: lacksNs},
	{name: "external_net_ns", lacks: lacksNs},
	{name: "clone3_set_tid", feature: kerndat.Clone3SetTid},
	{name: "newifindex", lacks: lacksNs},
	{name: "nftables", lacks: lacksNs},
	{name: "has_ipt_legacy", lacks: lacksNs},
	{name: "pidfd_store", lacks: lacksTracking},
	{name: "ns_pid", lacks: lacksNs},
	{name: "apparmor_stacking", lacks: "security labels are not carried"},
	{name: "network_lock_nftables", lacks: lacksSockets},
	{name: "sockopt_buf_lock", lacks: lacksSockets},
	{name: "memfd_hugetlb", lacks: "huge page files are not carried"},
	{name: "move_mount_set_group", lacks: lacksNs},
	{name: "openat2", feature: kerndat.Openat2},
	{name: "get_rseq_conf", feature: kerndat.RseqConf},
	{name: "ipv6_freebind", lacks: lacksSockets},
	{name: "pagemap_scan", feature: kerndat.PagemapScan},
	{name: "timer_cr_ids", feature: kerndat.TimerCRIDs},
	{name: "overlayfs_maps", lacks: "files of overlayfs are not told apart"},
	{name: "breakpoints", feature: kerndat.Breakpoints},
	{name: "pagemap_scan_guard_pages", feature: kerndat.PagemapGuard},
}
