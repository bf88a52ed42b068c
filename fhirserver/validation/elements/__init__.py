"""Rules of single elements, by their data type and by what a profile asks of them."""
