"""What can be typed: each module holds the commands of one subject, their options and help."""
