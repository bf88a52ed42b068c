"""Values as they are kept and compared: dates, decimals, units, folded texts, keys."""
