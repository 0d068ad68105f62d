"""A secured application at work: `python -m examples.demo`."""
