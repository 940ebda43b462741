"""HTTP: parse, call one service, render. One file a resource."""
