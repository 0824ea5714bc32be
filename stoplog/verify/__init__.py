"""`stoplog verify`: proves what a park's interlocks, plans and rules promise, or tells how they are broken."""
