"""How everyone else talks to the platform: one synchronous HTTP client."""
