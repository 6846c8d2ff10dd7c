"""Interactive figures. Their arithmetic runs in the page, so they work with no kernel and no network."""
