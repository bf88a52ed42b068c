"""What batch and transaction share: entries, their identities, the links between them."""
