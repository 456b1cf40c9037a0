"""Archive to people: the rows of the front, the plots, the pictures, the page."""
