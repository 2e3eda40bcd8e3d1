"""Credentials of registries: what the containers tools keep, read and written within promise 11."""
