"""Documents to passages to grounded answers. Knows nothing of model weights, training or pages."""
