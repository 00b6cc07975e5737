"""Tests of chameleon.analysis, a module a module."""
