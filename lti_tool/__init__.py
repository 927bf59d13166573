"""The web tool itself: kernel, web helpers, LTI 1.3 Advantage, the demo LMS and the composition root."""
