"""Tracking metrics, one function a convention."""
