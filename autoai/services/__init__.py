"""Use cases. Each owns its transaction, takes plain arguments, and knows neither Flask's request
nor its current user. What it needs from above stands in `ports`."""
