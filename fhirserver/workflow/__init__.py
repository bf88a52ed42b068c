"""The life of an ordonnance numérique on this server: what `prescription/` decides, applied to the store.

Rules are pure functions of `prescription/`; the operations of `operations/prescription/` and the guard of the REST
interactions come here, where each decision is taken and kept within one transaction under a lock of its Task.
"""
