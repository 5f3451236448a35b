"""A read operation becomes one SQL statement, whose JSON goes out as it came.

Reading order: `variables`, `levels`, `statement`, `plans`. What cannot be compiled is executed field by field.
"""
