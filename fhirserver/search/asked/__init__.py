"""From a query string to a query, read and understood, or refused with the reason."""
