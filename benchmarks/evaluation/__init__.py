"""The evaluator beside other software: times, values and memory."""
