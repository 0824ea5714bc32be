"""The one-machine demonstration: every part of a park's system as separate processes, supervised, on real sockets."""
