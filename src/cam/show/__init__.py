"""Numbers -> what people look at: figures, tables, and how a notebook shows them."""
