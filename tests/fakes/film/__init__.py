"""A plugin whose one page shows a video, as lessons do."""
