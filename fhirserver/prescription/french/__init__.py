"""What people read in French: amounts, posologies, numbers in words; for the print, the rules and the story alike."""
