"""What everything else is written in: errors, checked settings, hashes, columns."""
