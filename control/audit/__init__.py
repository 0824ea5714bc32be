"""The audit log: a hash tree over canonical records, sealed by signed checkpoints."""
