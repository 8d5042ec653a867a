"""What it costs, by measurement. ``make bench`` runs them all."""
