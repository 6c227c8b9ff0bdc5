"""SQL for analysts: one rule of what may be asked, a process of its own that answers, and its doors."""
