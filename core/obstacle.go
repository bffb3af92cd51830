package core

import "woodfrog/core/preflight"

// Obstacle is one thing that keeps a tree from being dumped or restored, with what the user can do about it.
type Obstacle = preflight.Obstacle

// Obstacles is the error that names all obstacles at once.
type Obstacles = preflight.Obstacles
