"""What crosses HTTP: models, enums and legal moves. No I/O, no behaviour.

`wire.launch` is plain dataclasses over the standard library, because the launcher runs in
environments that hold nothing else; everything else here is pydantic.
"""
