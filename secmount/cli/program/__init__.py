"""Commands about secmount itself: is it well, how is it set, what does a code mean."""
