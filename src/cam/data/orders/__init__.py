"""Rows as a shop exports them -> orders: states, lines that share a total, refunds in their five forms."""
