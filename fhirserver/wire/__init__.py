"""What travels: HTTP, formats, headers, outcomes."""
