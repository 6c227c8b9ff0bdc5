"""Deliveries to addresses of the operator's choice."""
