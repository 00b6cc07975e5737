"""Tests of chameleon.selection."""
