package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// A machine is a kernel and the computer that qemu makes for it.
type machine struct {
	arch    string // Debian's name
	series  string // of the kernel: how its version begins
	flavour string // of the kernel, as Debian names it
	page    string // KiB in a page, where that is part of the name
	cpu     string // other than the platform's
	option  string // of qemu's machine, beside those of the platform
	tests   bool   // the tests of packages run in it, too: one machine of each architecture is enough
}

func (m machine) name() string {
	n := m.arch + "/" + m.series
	if m.page != "" {
		n += "/" + m.page + "k"
	}
	if cpu, _, _ := strings.Cut(m.cpu, ","); cpu == "max" {
		n += "/" + cpu
	}
	return n
}

// machines is the matrix.
var machines = []machine{
	{arch: "amd64", series: "5.10", flavour: "cloud-amd64"},
	{arch: "amd64", series: "6.1", flavour: "cloud-amd64"},
	{arch: "amd64", series: "6.12", flavour: "cloud-amd64", tests: true},
	{arch: "amd64", series: "7", flavour: "cloud-amd64"},
	{arch: "arm64", series: "5.10", flavour: "cloud-arm64"},
	{arch: "arm64", series: "6.1", flavour: "cloud-arm64"},
	{arch: "arm64", series: "6.12", flavour: "cloud-arm64", tests: true},
	{arch: "arm64", series: "7", flavour: "cloud-arm64"},
	{arch: "arm64", series: "6.12", flavour: "arm64-16k", page: "16", cpu: "cortex-a76"},
	{arch: "arm64", series: "7", flavour: "arm64-16k", page: "16", cpu: "cortex-a76"},
	{arch: "arm64", series: "6.12", flavour: "cloud-arm64", cpu: "max,pauth-impdef=on", option: ",mte=on"},
	{arch: "arm64", series: "7", flavour: "cloud-arm64", cpu: "max,pauth-impdef=on", option: ",mte=on"},
	{arch: "armhf", series: "5.10", flavour: "armmp"},
	{arch: "armhf", series: "6.1", flavour: "armmp"},
	{arch: "armhf", series: "6.12", flavour: "armmp"},
	{arch: "armhf", series: "7", flavour: "armmp"},
	{arch: "ppc64el", series: "6.1", flavour: "powerpc64le", page: "64"},
	{arch: "ppc64el", series: "6.12", flavour: "powerpc64le", page: "4"},
	{arch: "ppc64el", series: "6.12", flavour: "powerpc64le-64k", page: "64", tests: true},
	{arch: "ppc64el", series: "7", flavour: "powerpc64le", page: "4"},
	{arch: "ppc64el", series: "7", flavour: "powerpc64le-64k", page: "64"},
}

// A platform is what machines of an architecture have in common.
type platform struct {
	qemu, machine, cpu, console string
	memory                      string // MiB
	cmdline                     string
}

var platforms = map[string]platform{
	"amd64":   {"qemu-system-x86_64", "q35", "max", "ttyS0", "512", "tsc=reliable no_timer_check reboot=t random.trust_cpu=on i8042.noaux i8042.nokbd"},
	"arm64":   {"qemu-system-aarch64", "virt,gic-version=3", "cortex-a57", "ttyAMA0", "512", ""},
	"armhf":   {"qemu-system-arm", "virt,highmem=off", "cortex-a15", "ttyAMA0", "384", ""},
	"ppc64el": {"qemu-system-ppc64", "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off", "power9", "hvc0", "768", ""},
}

func (m machine) run(ctx context.Context, t *task, r *result) error {
	k, dir, err := m.prepare(ctx)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "woodfrog-vm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if m.isHost() {
		ctx, cancel := context.WithTimeout(ctx, *limit)
		defer cancel()
		return m.within(ctx, r, tmp, dir, t)
	}
	initramfs := filepath.Join(tmp, "initramfs")
	if err := writeInitramfs(initramfs, dir, t); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	return m.boot(ctx, r, k, initramfs)
}

// preparing is who gets a kernel or builds programs: machines share them.
var preparing sync.Mutex

func (m machine) prepare(ctx context.Context) (kernel, programsOf string, err error) {
	preparing.Lock()
	defer preparing.Unlock()
	if m.isHost() {
		programsOf, err = programs(ctx, m.arch)
		return "", programsOf, err
	}
	if kernel, err = m.kernel(ctx); err != nil {
		return "", "", err
	}
	programsOf, err = programs(ctx, m.arch)
	return kernel, programsOf, err
}
