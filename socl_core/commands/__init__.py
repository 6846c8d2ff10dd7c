"""The `socl` command: a module for each group of commands, which read options and print; other rooms do the work.

Imports that take long (torch, OpenCV) stand in the functions that need them, so that `socl --help` answers at once.
"""
