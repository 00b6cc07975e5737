"""One module a view: an evaluation and a selection become small frames. No drawing here."""
