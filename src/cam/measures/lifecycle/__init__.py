"""Measures of the lifecycle: who stays, and for how long."""
