package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// kernel is the machine's kernel image, downloaded unless it is in the cache.
func (m machine) kernel(ctx context.Context) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "kernels")
	if found, _ := filepath.Glob(filepath.Join(cache, m.arch+"-"+m.series+".*-"+m.flavour(), "vmlinuz")); len(found) > 0 {
		return found[len(found)-1], nil
	}
	a := apt{dir: filepath.Join(cache, ".apt-"+m.suite+"-"+m.arch), suite: m.suite, arch: m.arch}
	if err := a.prepare(ctx); err != nil {
		return "", wrap("apt", err)
	}
	shown, err := a.run(ctx, a.dir, "apt-cache", "show", m.pkg+":"+m.arch)
	if err != nil {
		return "", err
	}
	pkg := regexp.MustCompile(`(?m)^Depends:.*?linux-image-([0-9][^ ,]*)`).FindStringSubmatch(shown)
	if pkg == nil {
		return "", fmt.Errorf("%s of %s in %s: names no kernel", m.pkg, m.arch, m.suite)
	}
	image := filepath.Join(cache, m.arch+"-"+pkg[1], "vmlinuz")
	return image, a.unpack(ctx, pkg[1], image)
}

func (m machine) flavour() string { return strings.TrimPrefix(m.pkg, "linux-image-") }

// apt looks at one suite for one architecture, with lists of its own: the machine's are left alone.
type apt struct{ dir, suite, arch string }

func (a apt) prepare(ctx context.Context) error {
	for _, d := range []string{"etc/sources.list.d", "etc/preferences.d", "state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return err
		}
	}
	mirror, err := mirror()
	if err != nil {
		return err
	}
	list := fmt.Sprintf("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", mirror, a.suite)
	if err := os.WriteFile(filepath.Join(a.dir, "etc/sources.list"), []byte(list), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(a.dir, "status"), nil, 0o644); err != nil {
		return err
	}
	if lists, _ := filepath.Glob(filepath.Join(a.dir, "state/lists/*Packages*")); len(lists) > 0 {
		return nil
	}
	_, err = a.run(ctx, a.dir, "apt-get", "update", "-qq")
	return err
}

func (a apt) run(ctx context.Context, dir, name string, args ...string) (string, error) {
	options := []string{
		"-o", "Dir::Etc::sourcelist=" + a.dir + "/etc/sources.list", "-o", "Dir::Etc::sourceparts=" + a.dir + "/etc/sources.list.d",
		"-o", "Dir::Etc::preferencesparts=" + a.dir + "/etc/preferences.d", "-o", "Dir::State=" + a.dir + "/state",
		"-o", "Dir::State::status=" + a.dir + "/status", "-o", "Dir::Cache=" + a.dir + "/cache",
		"-o", "Debug::NoLocking=1", "-o", "Acquire::GzipIndexes=true", "-o", "APT::Sandbox::User=root", "-o", "APT::Architecture=" + a.arch, "-o", "APT::Architectures=" + a.arch,
	}
	cmd := exec.CommandContext(ctx, name, append(options, args...)...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return string(out), wrap(name+" "+strings.Join(args, " "), err)
}

// unpack downloads kernel version and leaves its image at path.
func (a apt) unpack(ctx context.Context, version, path string) error {
	pkg := "linux-image-" + version
	if out, _ := a.run(ctx, a.dir, "apt-cache", "search", "--names-only", "^linux-binary-"+regexp.QuoteMeta(version)+"$"); out != "" {
		pkg = "linux-binary-" + version // since 7.0 the other one is an empty shell
	}
	tmp, err := os.MkdirTemp(filepath.Dir(a.dir), ".get-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if _, err := a.run(ctx, tmp, "apt-get", "download", "-qq", pkg+":"+a.arch); err != nil {
		return err
	}
	debs, _ := filepath.Glob(filepath.Join(tmp, "*.deb"))
	for _, deb := range debs {
		if err := exec.CommandContext(ctx, "dpkg-deb", "-x", deb, filepath.Join(tmp, "x")).Run(); err != nil {
			return wrap(deb, err)
		}
	}
	var image string
	for _, pattern := range []string{"x/boot/vmlinu[xz]*", "x/usr/lib/modules/*/vmlinu[xz]*", "x/usr/lib/linux/*/vmlinu[xz]*"} {
		if found, _ := filepath.Glob(filepath.Join(tmp, pattern)); len(found) > 0 {
			image = found[0]
		}
	}
	if image == "" {
		return fmt.Errorf("%s: no kernel in it", pkg)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Rename(image, path)
}

// mirror is the address that this machine's own apt uses.
func mirror() (string, error) {
	for file, pattern := range map[string]string{
		"/etc/apt/sources.list.d/debian.sources": `^URIs:\s*(\S+)`, "/etc/apt/sources.list": `^deb\s+(?:\[.*\]\s+)?(http\S+)`,
	} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
			if m := regexp.MustCompile(pattern).FindStringSubmatch(sc.Text()); m != nil {
				return m[1], nil
			}
		}
	}
	return "", errors.New("no Debian mirror is set up here")
}

func wrap(object string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", object, err)
	}
	return nil
}
