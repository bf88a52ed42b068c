"""The ordonnance on paper: its code, what stands on it, its layout."""
