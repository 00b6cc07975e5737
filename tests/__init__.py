"""The tests; a package, so that modules of the same name may stand in different folders."""
