package main

import (
	"fmt"
	"os/exec"
)

// vmNeeds are the emulators; where kernels cannot be had, nothing.
func vmNeeds() []need {
	if !debian() {
		return nil
	}
	return []need{
		{[]string{"qemu-system-x86_64"}, "qemu-system-x86"}, {[]string{"qemu-system-aarch64"}, "qemu-system-arm"},
		{[]string{"qemu-system-arm"}, "qemu-system-arm"}, {[]string{"qemu-system-ppc64"}, "qemu-system-ppc"},
	}
}

// debian tells whether there are the tools that download and unpack Debian's kernels.
func debian() bool {
	_, get := exec.LookPath("apt-get")
	_, unpack := exec.LookPath("dpkg-deb")
	return get == nil && unpack == nil
}

// vm runs a small set of checks; go tool mage vm runs all.
func vm() error {
	if !debian() {
		fmt.Println("no apt-get and dpkg-deb: virtual machines are left out, for lack of kernels")
		return nil
	}
	return command(nil, "go", "run", "./test/vm", "-small")
}
