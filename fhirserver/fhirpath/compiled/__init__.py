"""From a syntax tree to closures."""
