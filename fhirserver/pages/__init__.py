"""What a browser sees: the start page, the description of the API, and resources as readable pages."""
