"""From sections to Alpaca pairs: facts, questions, filters, building."""
