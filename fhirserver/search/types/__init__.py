"""One module for each type of search parameter: how values are extracted, indexed, read from a query and matched."""
