"""Commands: what a person does from the shell."""
