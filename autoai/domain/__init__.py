"""Pure rules: no Flask, no database, no HTTP, no clock."""
