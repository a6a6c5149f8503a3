"""Arms, questions, marks, statistics, judges, votes and the report."""
