"""The tests of chameleon.app: every page under AppTest, and its pure functions."""
