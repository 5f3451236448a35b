"""Kernels that run on a CUDA device, and what they need around them. Their twins on the CPU are in compute.kernels.

A device adds integers only; the numbers that people read are derived from them by the code that the CPU uses too.
"""
