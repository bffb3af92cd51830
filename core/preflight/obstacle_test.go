package preflight

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestObstacles(t *testing.T) {
	all := Obstacles{
		{Pid: 7, Thing: "fd 3", Cause: "socket", Remedy: "close it"},
		{Thing: "kernel", Cause: "no kcmp"},
		{Pid: 8, Thing: "fd 4", Cause: "socket", Remedy: "close it"},
	}
	err := fmt.Errorf("preflight: %w", all)
	require.EqualError(t, err, "preflight: task 7: fd 3: socket\nkernel: no kcmp\ntask 8: fd 4: socket")

	var got Obstacles
	require.True(t, errors.As(err, &got))
	require.Equal(t, []string{"close it"}, got.Remedies())
	var one Obstacle
	require.True(t, errors.As(err, &one))
	require.Equal(t, 7, one.Pid)
}

func TestObstaclesByRemedy(t *testing.T) {
	a, b, c, d := Obstacle{1, "fd 3", "socket", "close it"}, Obstacle{1, "fd 4", "pty", "end it"}, Obstacle{2, "fd 3", "socket", "close it"}, Obstacle{3, "kernel", "old", ""}
	require.Equal(t, []Obstacles{{a, c}, {b}, {d}}, Obstacles{a, b, c, d}.ByRemedy())
	require.Empty(t, Obstacles{}.ByRemedy())
}

// A name forges no line and moves no cursor.
func TestNamesInObstacles(t *testing.T) {
	o := Obstacle{Pid: 7, Thing: "PID", Cause: "is taken by w\nwoodfrog: all is well \x1b[2J", Remedy: "end \x07"}
	require.EqualError(t, o, `task 7: PID: is taken by w\nwoodfrog: all is well \x1b[2J`)
	require.Equal(t, []string{`end \a`}, Obstacles{o}.Remedies())
	require.EqualError(t, Obstacle{Thing: "/Straße \"x\"", Cause: "gone"}, `/Straße "x": gone`)
}
