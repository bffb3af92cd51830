package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programsDir is where programs are built, of this run alone.
var programsDir string

var built = map[string]string{} // by architecture: the directory

// workloads are the programs of test/workload that a processor has, with flags for the linker.
func workloads(goarch string) map[string]string {
	list := map[string]string{"bare": bareFlags, "descriptors": "", "goroutines": "", "handler": "", "traveller": ""}
	if goarch != "amd64" && goarch != "386" {
		list["registers"] = ""
	}
	return list
}

const bareFlags = "-E main.start"

// tests are packages whose tests run in guests, too.
var tests = []string{"vdso", "memory", "files"}

// programs makes what a guest runs, once for each architecture.
func programs(ctx context.Context, arch string) (string, error) {
	if dir := built[arch]; dir != "" {
		return dir, nil
	}
	goarch := goarchs[arch]
	dir := filepath.Join(programsDir, goarch)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	build := func(name string, args ...string) error {
		args = append([]string{args[0], "-buildvcs=false", "-o", filepath.Join(dir, name)}, args[1:]...)
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch)
		cmd.Stderr = os.Stderr
		return wrap(strings.Join(cmd.Args, " "), cmd.Run())
	}
	const strip = "-ldflags=-s -w "
	for name, flags := range workloads(goarch) {
		if err := build(name, "build", strip+flags, "./test/workload/"+name); err != nil {
			return "", err
		}
	}
	if _, alone := platforms[arch]; alone {
		list := map[string][]string{
			"init": {"build", strip, "./test/vm/guest"}, "woodfrog": {"build", strip, "./cmd/woodfrog"}, "stubexec": {"test", "-vet=off", "-c", strip, "./test/stubexec"},
		}
		for _, name := range tests {
			list[name+".test"] = []string{"test", "-vet=off", "-c", strip, "./test/" + name}
		}
		for name, args := range list {
			if err := build(name, args...); err != nil {
				return "", err
			}
		}
	}
	shell, err := busybox(ctx, arch)
	if err != nil {
		return "", err
	}
	if err := os.Symlink(shell, filepath.Join(dir, "busybox")); err != nil {
		return "", err
	}
	if arch == "armhf" {
		err = addPrograms(dir, dir, func(name string) string { return "arm-" + name })
	}
	if small := compats[arch]; err == nil && small != "" {
		var from string
		if from, err = programs(ctx, small); err == nil {
			err = addPrograms(from, dir, func(name string) string {
				if strings.HasPrefix(name, "arm-") {
					return name
				}
				return name + "-compat"
			})
		}
	}
	built[arch] = dir
	return dir, err
}

// goarchs are Go's names of Debian's architectures.
var goarchs = map[string]string{"amd64": "amd64", "i386": "386", "arm64": "arm64", "armhf": "arm", "ppc64el": "ppc64le"}

// compats are the architectures whose programs the kernels of others run, too.
var compats = map[string]string{"arm64": "armhf", "amd64": "i386"}

// addPrograms puts the programs of a guest into dir under other names: what travels between machines has one name on all of them.
func addPrograms(from, dir string, as func(name string) string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "woodfrog" || e.Name() == "stubexec" || strings.HasSuffix(e.Name(), ".test") {
			continue
		}
		if err := os.Link(filepath.Join(from, e.Name()), filepath.Join(dir, as(e.Name()))); err != nil {
			return err
		}
	}
	return nil
}

// busybox is Debian's static one for an architecture, downloaded unless it is in the cache.
func busybox(ctx context.Context, arch string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "busybox-"+arch)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	a, err := newApt(ctx, "bookworm", arch)
	if err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(cache, ".get-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := a.unpack(ctx, "busybox-static", tmp); err != nil {
		return "", err
	}
	for _, dir := range []string{"bin", "usr/bin"} {
		if os.Rename(filepath.Join(tmp, dir, "busybox"), path) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("busybox-static for %s: no busybox in it", arch)
}

// cacheDir is where kernels and programs are kept.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "woodfrog"), err
}
