"""For tests of everyone who builds on the platform: a live server, faults, contract suites."""
