"""What customers have brought and what new ones cost; small tables -> numbers."""
