"""Languages of a report: labels and prose through catalogues, numbers and sentences from estimates.

English is the source: a message is its own key. ``zh.po`` holds Simplified Chinese; the markdown cells
of the notebooks are messages like any other, one per cell.
"""

from cam.language.catalogue import active, translate, use
from cam.language.numbers import date_text, interval_text, period_text, span_text, unit_text, value_text
from cam.language.sentences import listed, named, sentence, together

__all__ = [
    "active",
    "date_text",
    "interval_text",
    "listed",
    "named",
    "period_text",
    "sentence",
    "span_text",
    "together",
    "translate",
    "unit_text",
    "use",
    "value_text",
]
