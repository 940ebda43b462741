"""The platform server. Calls go down: app > routes | controller > auth > services > db | stores > config."""
