"""Tests of chameleon.data."""
