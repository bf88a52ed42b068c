"""What of a resource is shown: to whom, which part, under which version."""
