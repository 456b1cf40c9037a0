"""Neural architecture search for object detection."""
