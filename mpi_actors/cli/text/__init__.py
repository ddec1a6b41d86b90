"""Values as people read them, pure: events, lists, trees, progress, sizes, durations."""
