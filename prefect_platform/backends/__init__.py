"""Where workloads run. Only the server's controller and composition root touch a backend."""
