"""The running server: its processes, its local mongod, its end."""
