"""Adapters that ship with the product and how they are made."""
