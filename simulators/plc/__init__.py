"""Simulated PLCs: actuators that travel, instruments that read the water, registers served over Modbus TCP."""
