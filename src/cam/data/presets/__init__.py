"""What is known of the exports of one system: a file per system, and how a parameter file's ``preset`` uses it."""
