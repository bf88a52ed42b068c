"""What is kept: versions as documents, contents as bytes, and the ids of both."""
