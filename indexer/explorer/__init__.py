"""The explorer's DuckDB: tables, folds to rows, position, overlay of the tip, and the queries others may ask."""
