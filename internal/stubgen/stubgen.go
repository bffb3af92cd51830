// Package stubgen assembles a stub with Go's own assembler, for any GOARCH on any host, and gives its bytes.
package stubgen

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const mainGo = "package main\n\nfunc stub()\n\nfunc main() { stub() }\n"

// Assemble returns the code of TEXT ·stub in the assembly file src, built for goarch.
func Assemble(goarch, src string) ([]byte, error) {
	text, err := os.ReadFile(src)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "stubgen")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for name, content := range map[string]string{
		"go.mod":                "module stub\n\ngo 1.26\n",
		"main.go":               mainGo,
		"stub_" + goarch + ".s": string(text),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	bin := filepath.Join(dir, "stub")
	cmd := exec.Command("go", "build", "-o", bin, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch, "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: assemble for %s: %w\n%s", src, goarch, err, out)
	}
	return symbol(bin, "main.stub")
}

func symbol(bin, name string) ([]byte, error) {
	f, err := elf.Open(bin)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	syms, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	for _, s := range syms {
		// "main.stub" or, for an assembly function called through a wrapper, "main.stub.abi0"
		if s.Name != name && s.Name != name+".abi0" || s.Section >= elf.SectionIndex(len(f.Sections)) {
			continue
		}
		sec := f.Sections[s.Section]
		code := make([]byte, s.Size)
		if _, err := sec.ReadAt(code, int64(s.Value-sec.Addr)); err != nil {
			return nil, err
		}
		if name+".abi0" == s.Name || !bytes.HasPrefix(code, []byte{0x55}) {
			return code, nil
		}
	}
	return nil, fmt.Errorf("%s: no symbol %s", bin, name)
}

// Source is the Go file that holds code as variable name of package pkg.
func Source(pkg, name, src string, code []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated from %s by internal/stubgen. DO NOT EDIT.\n\npackage %s\n\nvar %s = []byte{", src, pkg, name)
	for i, c := range code {
		if i%16 == 0 {
			b.WriteString("\n\t")
		} else {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "0x%02x,", c)
	}
	b.WriteString("\n}\n")
	return b.Bytes()
}
