"""The ordonnance on paper: its code, its readable French, its layout."""
