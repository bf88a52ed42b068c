"""What expressions compute with: dates, quantities, equality, narratives."""
