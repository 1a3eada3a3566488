"""Measures of churn: the label first, then what foretells it."""
