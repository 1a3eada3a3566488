"""Figures, one module per study: ``(table, *, ax=None) -> Axes``."""
