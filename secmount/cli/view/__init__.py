"""What commands show: results as text for people and as documents for programs."""
