"""Pages about the API itself: its description for programs, and two ways to read it that need no internet."""
