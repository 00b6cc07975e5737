"""Tests of chameleon.storage."""
