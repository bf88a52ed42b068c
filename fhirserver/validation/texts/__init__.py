"""What validation says, in French and in English: what was found, what was expected, and how to mend it."""
