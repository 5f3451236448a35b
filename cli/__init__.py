"""The command `groundct`."""
