package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A traveller that is refused on a way is not sent on it as others are, and the refusal is what it says.
func TestBorder(t *testing.T) {
	byName := map[string]machine{}
	for _, m := range machines {
		byName[m.name()] = m
	}
	for _, r := range refusals {
		require.Contains(t, byName, r.from)
		require.Contains(t, byName, r.to)
		require.NotEmpty(t, r.words)
	}
	a, b := byName["arm64/7/max"], byName["arm64/6.12/max"]
	c := &circle{machines: []machine{a, b}, names: []string{"traveller", "registers"}, outcomes: map[string]outcome{}}
	require.Equal(t, []string{"traveller"}, c.between(a, b))
	require.Equal(t, c.names, c.between(b, a))

	closed := borderOf([]machine{a, b})
	require.Len(t, closed, 1)
	require.False(t, closed.ok(), "no answer yet")
	leaves, arrives := &task{}, &task{cargo: map[string][]byte{}}
	closed.leave(a, leaves)
	require.Equal(t, []string{"leave registers registers@arm64-7-max"}, leaves.orders)
	closed.leave(a, leaves)
	require.Len(t, leaves.orders, 1, "once is enough")
	closed.arrive(b, arrives, map[string][]byte{})
	require.Empty(t, arrives.orders, "nothing has come")
	closed.arrive(b, arrives, map[string][]byte{"registers@arm64-7-max": {1}})
	require.Equal(t, []string{"refuse registers registers@arm64-7-max registers@arm64-7-max!arm64-6.12-max ARM_ZA ARM_SSVE"}, arrives.orders)
	closed.note(&result{checks: []outcome{{name: "registers@arm64-7-max!arm64-6.12-max"}}})
	require.True(t, closed.ok())
}
