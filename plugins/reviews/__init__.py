"""Reviews of courses by those who have taken a good part of them."""
