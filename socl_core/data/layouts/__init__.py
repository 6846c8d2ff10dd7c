"""Official folder layouts, one a file. A new file here with a `Layout` named LAYOUT is a new data set, `NAME:PATH`."""
