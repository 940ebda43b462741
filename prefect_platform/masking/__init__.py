"""Finding secrets in streams of bytes, and masking them: standard library, and an optional native matcher.

What is searched for is decided in `encodings`, where it stands in a piece of a stream in `matcher`, and
how pieces make a stream in `masker`. Launcher and server both mask with this, so it depends on neither.
"""
