"""The policy folder, the shipped decision program and the decision."""
