"""A real Kubernetes on one machine, for tests: `python -m tests.cluster.kit up`.

The control plane and each node live in a network namespace of their own, so that nothing touches
the firewall of the machine, and `down` leaves nothing behind. The kit needs Python alone.
"""
