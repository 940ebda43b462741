"""The user-content origin: users' own web servers, each at a host of its own, through the platform.

Nothing of the API is at such a host and nothing of a user's at the API's. The order is: `hosts` tells the two
apart, `isolation` refuses what other pages send, `entrance` signs in, `relay` passes HTTP on and `upgrade`
WebSockets; `headers` is what may pass in each direction, and `connection` the way to the upstream.
"""
