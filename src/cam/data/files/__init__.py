"""Files and databases as they come -> raw tables of the engine; what could harm is refused before it is read."""
