"""Progress: what learners have seen, watched and passed, how far that is in percent, and where to go on."""
