"""One module for each act on an issued prescription."""
