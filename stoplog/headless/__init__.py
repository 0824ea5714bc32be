"""A scenario played without anybody: the same services, an operator that uses the public API, and a judgement at the end."""
