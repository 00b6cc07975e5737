"""The tests of chameleon.charts: specifications and their frames."""
