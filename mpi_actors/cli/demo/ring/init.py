"""Any peer can run the ring: there is nothing to check or to prepare."""
