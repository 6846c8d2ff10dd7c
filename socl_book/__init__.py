"""The book beside `socl_core`: tables, claims, records, figures, widgets and pages."""
