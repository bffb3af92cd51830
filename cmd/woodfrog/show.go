package main

import (
	"errors"

	"woodfrog/core/image"
)

// show prints what the image files of a directory hold.
func show(s *settings, std streams) int {
	se, ok := begin(cmdShow, s, std)
	if !ok {
		return exitFailure
	}
	dir, err := image.OpenDir(s.imagesDir())
	if err != nil {
		return se.end(err)
	}
	defer dir.Close()
	return se.end(image.Show(std.out, dir, image.ShowOptions{JSON: s.json}))
}

func plan(s *settings, std streams) int {
	se, ok := begin(cmdPlan, s, std)
	if !ok {
		return exitFailure
	}
	return se.end(errors.New("not served yet"))
}
