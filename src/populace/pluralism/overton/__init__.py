"""Whether one answer presents what people reasonably hold."""
