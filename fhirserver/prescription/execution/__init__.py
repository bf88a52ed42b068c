"""What was executed and what remains: quantities, deliveries, where a line stands."""
