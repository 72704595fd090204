"""Who somebody is: users, passwords, tokens, their keys and their revocation."""
