"""The bytes: Sparkplug B, our own messages, Modbus registers.

Pure encoding and decoding; no socket is opened here.
"""
