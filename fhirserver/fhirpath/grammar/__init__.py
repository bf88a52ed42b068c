"""The grammar: from text to a syntax tree."""
