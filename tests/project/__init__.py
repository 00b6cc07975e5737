"""Tests of chameleon.project."""
