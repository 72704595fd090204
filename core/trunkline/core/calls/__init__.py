"""Calls: the rules of one device's calls as a pure machine, and the small structures all devices share."""
