"""Personal data and secrets are kept from whoever does not need them."""
