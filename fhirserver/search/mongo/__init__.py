"""The Mongo side of search: conditions, plans, pages, includes."""
