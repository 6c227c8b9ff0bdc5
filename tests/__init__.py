"""Tests mirror the rooms; what several rooms need of a running network stands beside them here."""
