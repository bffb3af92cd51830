package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A machine is a kernel and the computer that qemu makes for it.
type machine struct {
	arch   string // Debian's name
	series string // of the kernel
	suite  string // that has it
	pkg    string // the metapackage that names it
	cpu    string // other than the platform's
}

func (m machine) name() string {
	n := m.arch + "/" + m.series
	if cpu, _, _ := strings.Cut(m.cpu, ","); cpu != "" {
		n += "/" + cpu
	}
	return n
}

// machines is the matrix.
var machines = []machine{
	{arch: "amd64", series: "5.10", suite: "bullseye", pkg: "linux-image-cloud-amd64"},
	{arch: "amd64", series: "6.1", suite: "bookworm", pkg: "linux-image-cloud-amd64"},
	{arch: "amd64", series: "6.12", suite: "trixie", pkg: "linux-image-cloud-amd64"},
	{arch: "arm64", series: "5.10", suite: "bullseye", pkg: "linux-image-cloud-arm64"},
	{arch: "arm64", series: "6.1", suite: "bookworm", pkg: "linux-image-cloud-arm64"},
	{arch: "arm64", series: "6.12", suite: "trixie", pkg: "linux-image-cloud-arm64"},
	{arch: "arm64", series: "6.12", suite: "trixie", pkg: "linux-image-cloud-arm64", cpu: "max,pauth-impdef=on"},
	{arch: "armhf", series: "6.1", suite: "bookworm", pkg: "linux-image-armmp"},
	{arch: "armhf", series: "6.12", suite: "trixie", pkg: "linux-image-armmp"},
	{arch: "ppc64el", series: "6.1", suite: "bookworm", pkg: "linux-image-powerpc64le"},
	{arch: "ppc64el", series: "6.12", suite: "trixie", pkg: "linux-image-powerpc64le"},
}

// A platform is what machines of an architecture have in common.
type platform struct {
	goarch, qemu, machine, cpu, console string
	memory                              string // MiB
	cmdline                             string
}

var platforms = map[string]platform{
	"amd64":   {"amd64", "qemu-system-x86_64", "q35", "max", "ttyS0", "384", "tsc=reliable no_timer_check reboot=t random.trust_cpu=on i8042.noaux i8042.nokbd"},
	"arm64":   {"arm64", "qemu-system-aarch64", "virt,gic-version=3", "cortex-a57", "ttyAMA0", "384", ""},
	"armhf":   {"arm", "qemu-system-arm", "virt,highmem=off", "cortex-a15", "ttyAMA0", "384", ""},
	"ppc64el": {"ppc64le", "qemu-system-ppc64", "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off", "power9", "hvc0", "768", ""},
}

// test boots the machine and collects what its guest says.
func (m machine) test(ctx context.Context, checks string, limit time.Duration, verbose bool) (result, error) {
	r := result{machine: m}
	k, err := m.kernel(ctx)
	if err != nil {
		return r, err
	}
	p := platforms[m.arch]
	dir, err := programs(p.goarch)
	if err != nil {
		return r, err
	}
	tmp, err := os.MkdirTemp("", "woodfrog-vm-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(tmp)
	initramfs := filepath.Join(tmp, "initramfs")
	if err := writeInitramfs(initramfs, dir, checks); err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return r, m.boot(ctx, &r, k, initramfs, verbose)
}

var built sync.Map // by GOARCH: the directory

// programs builds what a guest runs, once for each processor.
func programs(goarch string) (string, error) {
	if dir, ok := built.Load(goarch); ok {
		return dir.(string), nil
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "guest-"+goarch)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	list := map[string][]string{
		"init":       {"build", "-ldflags=-s -w", "./test/vm/guest"},
		"woodfrog":   {"build", "-ldflags=-s -w", "./cmd/woodfrog"},
		"goroutines": {"build", "-ldflags=-s -w", "./test/workload/goroutines"},
		"stubexec":   {"test", "-c", "-ldflags=-s -w", "./test/stubexec"},
	}
	switch goarch { // what is written in assembly
	case "amd64":
		list["bare"] = []string{"build", "-ldflags=-s -w -E main.start", "./test/workload/bare"}
	case "arm64", "ppc64le":
		list["registers"] = []string{"build", "-ldflags=-s -w", "./test/workload/registers"}
	}
	for name, args := range list {
		out := []string{args[0], "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, name)}
		cmd := exec.Command("go", append(out, args[1:]...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return "", wrap(strings.Join(cmd.Args, " "), err)
		}
	}
	built.Store(goarch, dir)
	return dir, nil
}

// cacheDir is where kernels and programs are kept.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "woodfrog"), err
}
