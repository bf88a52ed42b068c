"""Ordonnance numérique: numbers, states, rules, dispensing and print, as pure functions on resources and facts."""
