"""Small tables -> numbers with their intervals; nothing here reads, draws, prints or knows the client."""
