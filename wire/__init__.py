"""The bytes: Sparkplug B, our own signed messages and Modbus registers; pure encoding and decoding, no I/O."""
