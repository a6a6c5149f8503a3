"""What a person touches: settings, wiring, commands and pages."""
