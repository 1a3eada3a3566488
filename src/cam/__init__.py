"""Customer asset management: from a client's raw exports to a decision-ready report.

A room may use only the floors under it (``tests/test_architecture.py`` reads the imports):

8  ``cli``        the command line
7  ``progress``   what its user sees of a run: the time left, the summary
6  ``report``     notebooks + parameters -> a published report
5  ``studies``    what one notebook composes: its tables, steps, scores, findings, key figures
4  ``show``       numbers -> figures and tables that people look at
3  ``reduce``     tables with a row per event -> small tables, inside the engine
3  ``measures``   small tables -> numbers with intervals
2  ``data``       raw files and databases -> checked tables
2  ``samples``    demo clients with known truth
2  ``language``   sentences and labels, in English and Chinese
1  ``errors`` ``schema`` ``estimate`` ``stratified`` ``key_figures`` ``changes`` ``params`` ``project``
"""

__version__ = "0.1.0"
