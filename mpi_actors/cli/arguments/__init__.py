"""The command line, pure: what each command takes, what the values mean, and what is wrong with them."""
