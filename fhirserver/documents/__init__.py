"""Documents pushed to the DMP: where the rules of `dmp/` meet the interactions and the store."""
