"""Alarms: watched on the live image, kept until a person has seen them."""
