"""Notebooks + parameters -> a published report.

``execute`` runs one notebook in a process of its own; ``run`` decides what must run, and in which order;
``render`` makes pages, ``pdf`` prints them; ``workbook`` and ``pages`` gather what the studies left;
``publish`` puts it in place at once.
"""
