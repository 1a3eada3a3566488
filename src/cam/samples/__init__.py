"""Demo clients: simulated with known truth."""

from cam.samples.catalogue import sample_path
from cam.samples.demo import DEMO_VERSION, DemoClient, simulate_demo, write_demo
from cam.samples.telecom import TELECOM_VERSION, TelecomClient, simulate_telecom, write_telecom

__all__ = [
    "DEMO_VERSION",
    "TELECOM_VERSION",
    "DemoClient",
    "TelecomClient",
    "sample_path",
    "simulate_demo",
    "simulate_telecom",
    "write_demo",
    "write_telecom",
]
