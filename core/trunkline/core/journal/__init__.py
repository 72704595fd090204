"""What happens to calls, told: timelines, explanations, events for whoever watches."""
