"""What one notebook composes: its tables, its steps, its scores, its findings and its key figures.

A notebook starts with :func:`cam.studies.study.start` and then calls one step per cell from the module of its study.
"""
