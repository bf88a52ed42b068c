"""What all writes share: checks, references, placing, conditions."""
