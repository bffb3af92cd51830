package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

var built = map[string]string{} // by architecture: the directory

// programs makes what a guest runs, once for each architecture.
func programs(ctx context.Context, arch string) (string, error) {
	if dir := built[arch]; dir != "" {
		return dir, nil
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	goarch := platforms[arch].goarch
	dir := filepath.Join(cache, "guest-"+goarch)
	if err := os.RemoveAll(dir); err != nil { // what is not made any more
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	list := map[string][]string{
		"init":        {"build", "-ldflags=-s -w", "./test/vm/guest"},
		"woodfrog":    {"build", "-ldflags=-s -w", "./cmd/woodfrog"},
		"descriptors": {"build", "-ldflags=-s -w", "./test/workload/descriptors"},
		"goroutines":  {"build", "-ldflags=-s -w", "./test/workload/goroutines"},
		"handler":     {"build", "-ldflags=-s -w", "./test/workload/handler"},
		"traveller":   {"build", "-ldflags=-s -w", "./test/workload/traveller"},
		"stubexec":    {"test", "-c", "-ldflags=-s -w", "./test/stubexec"},
	}
	switch goarch { // what is written in assembly
	case "amd64":
		list["bare"] = []string{"build", "-ldflags=-s -w -E main.start", "./test/workload/bare"}
	case "arm", "arm64", "ppc64le":
		list["registers"] = []string{"build", "-ldflags=-s -w", "./test/workload/registers"}
	}
	for name, args := range list {
		out := []string{args[0], "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, name)}
		cmd := exec.CommandContext(ctx, "go", append(out, args[1:]...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return "", wrap(strings.Join(cmd.Args, " "), err)
		}
	}
	shell, err := busybox(ctx, arch)
	if err != nil {
		return "", err
	}
	if err := os.Link(shell, filepath.Join(dir, "busybox")); err != nil {
		return "", err
	}
	built[arch] = dir
	if small := compats[arch]; small != "" {
		return dir, addPrograms(ctx, small, dir)
	}
	return dir, nil
}

// compats are the architectures whose programs the kernels of others run, too.
var compats = map[string]string{"arm64": "armhf"}

// addPrograms puts the programs of a guest of another architecture into dir, as NAME-compat.
func addPrograms(ctx context.Context, arch, dir string) error {
	from, err := programs(ctx, arch)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "woodfrog" || e.Name() == "stubexec" {
			continue
		}
		if err := os.Link(filepath.Join(from, e.Name()), filepath.Join(dir, e.Name()+"-compat")); err != nil {
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
