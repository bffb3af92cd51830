package main

import "errors"

func show(s *settings, std streams) int { return unbuilt(cmdShow, s, std) }
func plan(s *settings, std streams) int { return unbuilt(cmdPlan, s, std) }

func unbuilt(c command, s *settings, std streams) int {
	se, ok := begin(c, s, std)
	if !ok {
		return exitFailure
	}
	return se.end(errors.New("not served yet"))
}
