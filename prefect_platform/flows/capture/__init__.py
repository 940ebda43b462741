"""What a flow needs in order to run elsewhere: its source, the values it uses, and files.

Nothing here talks to a network. The result, `Captured`, is the same for the same code,
whichever kernel, cell number, hash seed or clock it was captured with.
"""
