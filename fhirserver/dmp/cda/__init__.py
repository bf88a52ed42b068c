"""CDA R2 documents: read safely, compared with their metadata, and shown without anybody's stylesheet."""
