"""The command line, one command a file. Everything heavy is imported inside the command that needs it."""
