"""The words of the field: park, facility, point, sample, quality, command, interlock, plan, alarm; pure values and rules, no I/O."""
