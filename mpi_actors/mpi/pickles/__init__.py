"""Python objects as messages: pickled, large buffers beside the pickle."""
