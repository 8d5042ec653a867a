"""What the program tells of itself, in the format of Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from iku.wiring import House


class Metrics:
    """Counters of one application, in a registry of their own."""

    def __init__(self, house: House) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route")
        self._requests = Counter(
            "iku_http_requests",
            "Requests answered.",
            (*labels, "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "iku_http_request_seconds",
            "Time from a request's head to the end of its response.",
            labels,
            registry=self.registry,
        )
        self.log_size = Gauge(
            "iku_log_size", "Events in the log.", registry=self.registry
        )
        waiting = Gauge(
            "iku_append_waiting",
            "Requests that wait to be appended.",
            registry=self.registry,
        )
        waiting.set_function(lambda: house.office.appender.waiting)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; *route* is the template of its path."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)
