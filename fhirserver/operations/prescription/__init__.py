"""The operations of the ordonnance numérique: one module each, every decision in `workflow/` and `prescription/`."""
