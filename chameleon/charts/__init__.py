"""One module a view: small frames become Vega-Lite specs. No counting here."""
