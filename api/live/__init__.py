"""Changes of the index as they happen: commits come in once, and go out to everybody who follows their topics."""
