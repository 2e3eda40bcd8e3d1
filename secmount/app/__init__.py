"""The composition root: the only place that turns configuration into objects."""
