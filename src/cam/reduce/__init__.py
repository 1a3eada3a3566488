"""Tables with a row per event -> small tables, inside the engine: every function is one Ibis expression."""
