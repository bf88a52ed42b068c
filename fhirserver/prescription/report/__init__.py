"""The printed report of a dispensing: what was delivered of a prescription, by whom, and what remains."""
