"""The Hub's side: who gets in, which servers start, and how they are confined."""
