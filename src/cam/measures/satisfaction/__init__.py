"""How satisfied customers are, and how sure that is; small tables -> numbers."""
