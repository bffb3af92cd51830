package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Directories travel between machines as archives: they come with the file system, below /cargo, and leave by the console:
//
//	CARGO name a line of base64, as many as it takes
//	CARGO name .

const cargoLine = 720 // bytes

func ship(name, dir string) error {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := errors.Join(w.AddFS(os.DirFS(dir)), w.Close(), z.Close()); err != nil {
		return fmt.Errorf("cargo %s: %w", name, err)
	}
	for b.Len() > 0 {
		fmt.Printf("CARGO %s %s\n", name, base64.StdEncoding.EncodeToString(b.Next(cargoLine)))
	}
	fmt.Printf("CARGO %s .\n", name)
	return nil
}

func unship(name, dir string) error {
	f, err := os.Open(filepath.Join("/cargo", name))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("cargo %s: %w", name, err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cargo %s: %w", name, err)
		}
		path := filepath.Join(dir, h.Name)
		if h.FileInfo().IsDir() {
			err = os.MkdirAll(path, 0o700)
		} else {
			err = write(path, r, h.FileInfo().Mode())
		}
		if err != nil {
			return fmt.Errorf("cargo %s: %w", name, err)
		}
	}
}

func write(path string, r io.Reader, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
