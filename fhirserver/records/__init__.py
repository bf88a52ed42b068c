"""The DMP's records in the REST interactions: who opens them, what of them is seen, how they change."""
