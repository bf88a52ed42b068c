"""The search parameters in force: what is declared, and what each means on a type."""
