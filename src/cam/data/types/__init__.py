"""Text -> dates, amounts, ids and scores: expressions of the engine, and how a column is found to be written."""
