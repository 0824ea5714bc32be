"""Commands from the request of a person to the outcome that the edge reports."""
