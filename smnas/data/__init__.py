"""Images and boxes: how they are read, checked, fitted and handed to training."""
