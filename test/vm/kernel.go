package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// suites are those that have kernels of a series, the first that can be had is taken.
var suites = map[string][]string{
	"5.10": {"bullseye"},
	"6.1":  {"bookworm"},
	"6.12": {"trixie", "bookworm-backports"},
	"7":    {"forky", "trixie-backports"}, // whatever 7.x is there
}

// kernel is the newest kernel image for m, downloaded unless there is one in the cache.
func (m machine) kernel(ctx context.Context) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "kernels")
	var cached []string
	found, _ := filepath.Glob(filepath.Join(cache, m.arch+"-*", "vmlinuz"))
	for _, f := range found {
		cached = append(cached, strings.TrimPrefix(filepath.Base(filepath.Dir(f)), m.arch+"-"))
	}
	if release := m.newest(cached); release != "" {
		return filepath.Join(cache, m.arch+"-"+release, "vmlinuz"), nil
	}
	var errs error
	for _, suite := range suites[m.series] {
		image, err := m.download(ctx, suite, cache)
		if err == nil {
			return image, nil
		}
		errs = errors.Join(errs, err)
	}
	return "", errs
}

func (m machine) download(ctx context.Context, suite, cache string) (string, error) {
	a, err := newApt(ctx, suite, m.arch)
	if err != nil {
		return "", err
	}
	// Since 7.0 linux-image-RELEASE is an empty shell over linux-binary-RELEASE.
	for _, prefix := range []string{"linux-binary-", "linux-image-"} {
		names, err := a.names(ctx, prefix)
		if err != nil {
			return "", err
		}
		for i := range names {
			names[i] = strings.TrimPrefix(names[i], prefix)
		}
		if release := m.newest(names); release != "" {
			image := filepath.Join(cache, m.arch+"-"+release, "vmlinuz")
			return image, a.unpackKernel(ctx, prefix+release, image)
		}
	}
	return "", fmt.Errorf("%s for %s: has no kernel %s of flavour %s", suite, m.arch, m.series, m.flavour)
}

// unpackKernel downloads a package and leaves the kernel that is in it at path.
func (a *apt) unpackKernel(ctx context.Context, pkg, path string) error {
	if err := os.MkdirAll(filepath.Dir(filepath.Dir(path)), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(filepath.Dir(path)), ".get-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := a.unpack(ctx, pkg, tmp); err != nil {
		return err
	}
	for _, pattern := range []string{"boot/vmlinu[xz]*", "usr/lib/modules/*/vmlinu[xz]*", "lib/modules/*/vmlinu[xz]*", "usr/lib/linux/*/vmlinu[xz]*"} {
		if found, _ := filepath.Glob(filepath.Join(tmp, pattern)); len(found) > 0 {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			return os.Rename(found[0], path)
		}
	}
	return fmt.Errorf("%s: no kernel in it", pkg)
}

// newest picks the newest of releases, such as 6.12.95+deb12-cloud-amd64, that fits m.
func (m machine) newest(releases []string) (best string) {
	fits := regexp.MustCompile(`^` + regexp.QuoteMeta(m.series) + `(\.[0-9]+)+([-+~](deb|bpo)?[0-9.]+)*-` + regexp.QuoteMeta(m.flavour) + `$`)
	for _, r := range releases {
		if fits.MatchString(r) && (best == "" || slices.Compare(numbers(r), numbers(best)) > 0) {
			best = r
		}
	}
	return best
}

var digits = regexp.MustCompile(`[0-9]+`)

func numbers(release string) (n []int) {
	for _, d := range digits.FindAllString(release, -1) {
		v, _ := strconv.Atoi(d)
		n = append(n, v)
	}
	return n
}
