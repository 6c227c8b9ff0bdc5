"""The questions and orders that every dialect shares, in our own words; no HTTP in here."""
