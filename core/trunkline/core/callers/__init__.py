"""Callers: the streams and unary requests on which calls come in, and who is behind them."""
