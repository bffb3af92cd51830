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
	"time"
)

// An apt looks at one suite for one architecture, with lists of its own: the machine's are left alone.
type apt struct{ dir, suite, arch string }

// Mirrors are now and then out of step: a release file that is newer than the index it names. Most often that is over soon.
const (
	attempts = 2
	pause    = 5 * time.Second
)

// newApt sees to it that there are lists.
func newApt(ctx context.Context, suite, arch string) (*apt, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	a := &apt{filepath.Join(cache, "apt", suite+"-"+arch), suite, arch}
	for _, d := range []string{"etc/sources.list.d", "etc/preferences.d", "state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	mirror, err := mirror()
	if err != nil {
		return nil, err
	}
	list := fmt.Sprintf("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", mirror, suite)
	if err := os.WriteFile(filepath.Join(a.dir, "etc/sources.list"), []byte(list), 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(a.dir, "status"), nil, 0o644); err != nil {
		return nil, err
	}
	if lists, _ := filepath.Glob(filepath.Join(a.dir, "state/lists/*Packages*")); len(lists) > 0 {
		return a, nil
	}
	return a, a.update(ctx)
}

func (a *apt) update(ctx context.Context) error {
	for i := 1; ; i++ {
		_, err := a.run(ctx, a.dir, "apt-get", "-q", "update")
		switch {
		case err == nil, i == attempts:
			return err
		}
		fmt.Fprintf(os.Stderr, "%v\n%s for %s: trying again in %v\n", err, a.suite, a.arch, pause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// names lists the packages whose names begin with prefix.
func (a *apt) names(ctx context.Context, prefix string) ([]string, error) {
	out, err := a.run(ctx, a.dir, "apt-cache", "pkgnames", prefix)
	return strings.Fields(out), err
}

// unpack downloads a package and unpacks it below dir. Lists that are too old name what the mirror has no more: they are made anew once.
func (a *apt) unpack(ctx context.Context, pkg, dir string) error {
	download := func() error {
		_, err := a.run(ctx, dir, "apt-get", "-q", "download", pkg+":"+a.arch)
		return err
	}
	if download() != nil {
		if err := a.update(ctx); err != nil {
			return err
		}
		if err := download(); err != nil {
			return err
		}
	}
	debs, _ := filepath.Glob(filepath.Join(dir, "*.deb"))
	for _, deb := range debs {
		if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", deb, dir).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: dpkg-deb: %w: %s", deb, err, out)
		}
	}
	return nil
}

func (a *apt) run(ctx context.Context, dir, name string, args ...string) (string, error) {
	options := []string{
		"-o", "Dir::Etc::sourcelist=" + a.dir + "/etc/sources.list", "-o", "Dir::Etc::sourceparts=" + a.dir + "/etc/sources.list.d",
		"-o", "Dir::Etc::preferencesparts=" + a.dir + "/etc/preferences.d", "-o", "Dir::State=" + a.dir + "/state",
		"-o", "Dir::State::status=" + a.dir + "/status", "-o", "Dir::Cache=" + a.dir + "/cache",
		"-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", "-o", "APT::Architecture=" + a.arch, "-o", "APT::Architectures=" + a.arch,
		"-o", "Acquire::GzipIndexes=true", "-o", "Acquire::Languages=none", "-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
		"-o", "Acquire::Check-Valid-Until=false", "-o", "Acquire::Retries=3",
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, name, append(options, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s for %s: %s %s: %w\n%s", a.suite, a.arch, name, strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
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
