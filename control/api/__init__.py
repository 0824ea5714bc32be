"""The only door for people and systems: REST, WebSocket and the console's files."""
