"""The doctor's checks, one file each; ``smnas.data.doctor`` calls them."""
