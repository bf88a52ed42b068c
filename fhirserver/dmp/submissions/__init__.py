"""A submission (ITI-65, ITI-105) read, and every check of it."""
