"""Settings: the YAML files of a user, read and validated."""
