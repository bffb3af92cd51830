package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// purePackages hold no code that has to run on the processor it describes, so every host tests them as every other.
var purePackages = []string{"arch", "arch/aarch64", "arch/arm", "arch/ppc64", "arch/x86", "compat", "core/image", "core/procfs", "core/vdso"}

// executed are those that run code for the very processor they are built for.
var executed = []string{"test/stubexec"}

// A target is a processor that Go builds for, and the emulator that runs its programs; without one they run here.
type target struct {
	arch, level string
	emulator    need
}

// native reports whether the native layer, or none on this machine, is the one to run t's programs.
func (t target) native() bool {
	return t.arch == runtime.GOARCH || t.arch == "386" && runtime.GOARCH != "amd64"
}

func (t target) env() []string {
	env := []string{"GOOS=linux", "GOARCH=" + t.arch}
	if t.level != "" {
		env = append(env, t.level)
	}
	return env
}

var foreignTargets = []target{
	{arch: "386"},
	{arch: "arm64", emulator: need{[]string{"qemu-aarch64-static", "qemu-aarch64"}, "qemu-user"}},
	{arch: "arm", level: "GOARM=7", emulator: need{[]string{"qemu-arm-static", "qemu-arm"}, "qemu-user"}},
	{arch: "ppc64le", emulator: need{[]string{"qemu-ppc64le-static", "qemu-ppc64le"}, "qemu-user"}},
}

var foreignNeeds = func() (needs []need) {
	for _, t := range foreignTargets {
		if t.emulator.programs != nil && !t.native() {
			needs = append(needs, t.emulator)
		}
	}
	return needs
}()

func foreign() error {
	for _, t := range foreignTargets {
		if t.native() {
			continue
		}
		fmt.Printf("-- %s\n", t.arch)
		args := []string{"test"}
		if t.emulator.programs != nil {
			path, err := t.emulator.path()
			if err != nil {
				return err
			}
			args = append(args, "-exec", path)
		}
		if err := command(t.env(), "go", append(args, foreignPatterns()...)...); err != nil {
			return err
		}
	}
	return nil
}

// builds are the packages that build for t: all where the engine does.
func (t target) builds() []string {
	if _, err := os.Stat(filepath.Join("arch", "host", "host_linux_"+t.arch+".go")); err == nil {
		return []string{"./..."}
	}
	return foreignPatterns()
}

// foreignPatterns names those of purePackages that are there, and executed, for the go command.
func foreignPatterns() (patterns []string) {
	for _, p := range slices.Concat(purePackages, executed) {
		if _, err := os.Stat(filepath.FromSlash(p)); err == nil {
			patterns = append(patterns, "./"+p)
		}
	}
	return patterns
}
