"""Reviews: the queue of what should be looked at, pages to look at it, and verdicts coming back."""
