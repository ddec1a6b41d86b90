"""Any peer can run this."""
