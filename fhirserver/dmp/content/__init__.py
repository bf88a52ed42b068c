"""The content of documents: what its bytes say, and metadata made from it."""
