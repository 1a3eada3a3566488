"""Demo clients: simulated with known truth."""

from cam.samples.demo import DEMO_VERSION, DemoClient, sample_path, simulate_demo, write_demo

__all__ = ["DEMO_VERSION", "DemoClient", "sample_path", "simulate_demo", "write_demo"]
