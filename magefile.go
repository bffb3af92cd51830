//go:build mage

// The project's tasks, for `go tool mage TARGET`. Each target is a few lines: what is bigger than a command lives in a
// program below test/ and is run from here.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Default is what `go tool mage` does without a target.
var Default = Build

// crossTargets are the processors that woodfrog is built for: GOARCH and the settings that choose the oldest variant.
var crossTargets = []struct{ arch, level string }{
	{"amd64", "GOAMD64=v1"},
	{"arm64", "GOARM64=v8.0"},
	{"arm", "GOARM=6"},
	{"arm", "GOARM=7"},
	{"ppc64le", "GOPPC64=power8"},
}

// Build makes bin/woodfrog for this machine: static, stripped, the same bytes from the same source and the same settings of Go wherever it is built.
func Build() error {
	return build(runtime.GOARCH, "", filepath.Join("bin", "woodfrog"))
}

// Cross makes dist/woodfrog-ARCH for every processor that is supported.
func Cross() error {
	for _, t := range crossTargets {
		_, variant, _ := strings.Cut(t.level, "=")
		name := "woodfrog-" + t.arch
		if t.arch == "arm" {
			name += "v" + variant
		}
		if err := build(t.arch, t.level, filepath.Join("dist", name)); err != nil {
			return err
		}
	}
	return nil
}

// Demo freezes and thaws a small tree of processes before your eyes; as root.
func Demo() error {
	if err := Build(); err != nil {
		return err
	}
	return run(nil, "go", "run", "./test/demo")
}

// Test runs every layer of tests as continuous integration does, after installing what they need.
func Test() error { return run(nil, "go", "run", "./test/layers") }

// Spin dumps and restores threads that spin in the vDSO a thousand times, with trampolines forced; as root.
func Spin() error {
	return run([]string{"WOODFROG_TEST_SPIN=1000"}, "go", "test", "-count=1", "-timeout=1h", "-run=^TestSpin$", "./test/vdso")
}

// VM freezes and thaws programs under the kernels of Debian's releases, for every architecture, in virtual machines, and lets them travel
// from each to each other and back; WOODFROG_VM chooses some: arm64, or arm64/6.1, separated by commas.
func VM() error { return run(nil, "go", "run", "./test/vm", "-only", os.Getenv("WOODFROG_VM")) }

// Matrix does what VM does with all machines and writes the tables into README.md.
func Matrix() error { return run(nil, "go", "run", "./test/vm", "-document", "README.md") }

// Faults tries every place at which a dump or a restore can fail or be killed, where Test takes a sample; as root.
func Faults() error {
	return run([]string{"CGO_ENABLED=0", "WOODFROG_TEST_FAULTS=all"}, "go", "test", "-count=1", "-timeout=60m", "./test/faults")
}

// Lint checks formatting, and runs go vet for every supported processor and staticcheck.
func Lint() error { return run(nil, "go", "run", "./test/layers", "-only", "lint,staticcheck") }

// Generate makes all generated files (z*.go) again: the stubs' bytes from their assembly, the messages from their table.
func Generate() error { return run(nil, "go", "generate", "./...") }

// Bench measures woodfrog against the criu on PATH, if there is one; WOODFROG_BENCH_JSON names a file for the results.
func Bench() error { return bench() }

// Figures measures as Bench does and writes the table into README.md.
func Figures() error { return bench("-figures", "README.md") }

// Install puts woodfrog below DESTDIR/PREFIX/sbin, from the environment; PREFIX is /usr/local when it is not set.
func Install() error {
	for _, arg := range os.Args[1:] {
		if strings.Contains(arg, "=") { // to mage a target like any other, after this one
			return fmt.Errorf("%s is taken from the environment: %s go tool mage install", arg, arg)
		}
	}
	if err := Build(); err != nil {
		return err
	}
	prefix, ok := os.LookupEnv("PREFIX")
	if !ok {
		prefix = "/usr/local"
	}
	sbin := filepath.Join(os.Getenv("DESTDIR"), prefix, "sbin")
	if err := os.MkdirAll(sbin, 0o755); err != nil {
		return err
	}
	return run(nil, "install", "-m", "755", filepath.Join("bin", "woodfrog"), sbin)
}

func bench(args ...string) error {
	if err := Build(); err != nil {
		return err
	}
	// A file that was linked a moment ago is in the page cache in small pieces, and programs start from it later than from an installed one.
	installed := filepath.Join("bin", "installed")
	if err := run(nil, "install", "-m", "755", filepath.Join("bin", "woodfrog"), installed); err != nil {
		return err
	}
	return run(nil, "go", append([]string{"run", "./test/bench", "-woodfrog", installed}, args...)...)
}

// build links cmd/woodfrog for goarch into out. GOFLAGS from the environment still count, as packagers expect.
func build(goarch, level, out string) error {
	env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + goarch}
	if level != "" {
		env = append(env, level)
	}
	return run(env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", out, "./cmd/woodfrog")
}

func run(env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(append([]string{name}, args...), " "), err)
	}
	return nil
}
