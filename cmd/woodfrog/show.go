package main

import (
	"woodfrog/arch/host"
	"woodfrog/core"
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

// plan prints what a restore would do.
func plan(s *settings, std streams) int {
	se, ok := begin(cmdPlan, s, std)
	if !ok {
		return exitFailure
	}
	ctx, cancel := se.context()
	defer cancel()
	s.core.ImagesDir = s.imagesDir()
	return se.end(because(ctx, core.Plan(ctx, std.out, host.Backend(), s.core)))
}
