"""Commissioning at the centre: checks of actuators, who signed for them, and how that reaches the edges."""
