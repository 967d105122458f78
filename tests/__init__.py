"""Tests of shortd."""
