"""Videos of a course: uploaded or linked, with poster, captions, transcript and a player."""
