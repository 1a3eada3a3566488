"""``cam new``: files nobody has described -> a parameter file with the evidence for each line, and questions."""
