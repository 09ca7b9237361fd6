"""The parts of benchmarks/perpetual_chat.py."""
