"""Prometheus metrics of the program."""

from functools import lru_cache, partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from iku.access.audit import Outcome
from iku.app import App
from iku.queries.health import Health
from iku.single_statement_append import Fallback
from iku.vault.files import QuarantineSummary

GAUGES = {
    "iku_log_size": "Events in the log.",
    "iku_log_signed_size": "Events that the last checkpoint covers.",
    "iku_log_witnessed_size": "Events that a quorum of witnesses has cosigned.",
    "iku_log_witnesses": "Number of configured witnesses.",
    "iku_log_alarm": "1 if the signer refuses to sign, because the log was altered.",
    "iku_attachments_quarantined": "Attached files in quarantine.",
    "iku_attachments_quarantined_bytes": "Size of the encrypted files in quarantine.",
    "iku_vault_lost_keys": "Epochs whose key is lost; their texts cannot be read.",
}


class Metrics:
    """The metrics of one application, in a separate registry."""

    def __init__(self, app: App) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route")
        self._requests = Counter(
            "iku_http_requests",
            "HTTP requests, by method, route and status.",
            (*labels, "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "iku_http_request_seconds",
            "Time from a request's head to the end of its response.",
            labels,
            registry=self.registry,
        )
        # Looking up the counter of a set of labels costs more than incrementing it.
        self._counter = lru_cache(1024)(self._requests.labels)
        self._histogram = lru_cache(1024)(self._seconds.labels)
        self._gauges = {
            name: Gauge(name, values, registry=self.registry)
            for name, values in GAUGES.items()
        }
        waiting = Gauge(
            "iku_append_waiting",
            "Requests that wait to be appended.",
            registry=self.registry,
        )
        waiting.set_function(lambda: app.commands.appender.queue_length)
        batches = Gauge(
            "iku_append_batches",
            "Transactions of appends since the start.",
            registry=self.registry,
        )
        batches.set_function(lambda: app.append.batches)
        fallbacks = Gauge(
            "iku_append_fallbacks",
            "Those of iku_append_batches that took several statements, by reason.",
            ("reason",),
            registry=self.registry,
        )
        for reason in Fallback:
            count = partial(app.append.fallbacks.__getitem__, reason)
            fallbacks.labels(reason).set_function(count)
        trail = Gauge(
            "iku_audit_lines",
            "Lines of the audit trail since the start, by outcome.",
            ("outcome",),
            registry=self.registry,
        )
        for outcome in Outcome:
            trail.labels(outcome).set_function(partial(app.audit.count, outcome))

    def set_gauges(
        self, found: Health | None, quarantine: QuarantineSummary | None
    ) -> None:
        """Set the gauges from the state *found*; an unknown value is NaN."""
        values: dict[str, float] = {}
        if quarantine is not None:
            values |= {
                "iku_attachments_quarantined": quarantine.files,
                "iku_attachments_quarantined_bytes": quarantine.bytes,
            }
        if found is not None:
            vouched = found.assurance
            values |= {
                "iku_log_size": found.size,
                "iku_vault_lost_keys": len(found.lost_keys),
                "iku_log_signed_size": vouched.signed or 0,
                "iku_log_witnessed_size": vouched.witnessed or 0,
                "iku_log_witnesses": vouched.witnesses,
                "iku_log_alarm": vouched.alarm is not None,
            }
        for name, gauge in self._gauges.items():
            gauge.set(values.get(name, float("nan")))

    def count_request(
        self, method: str, route: str, status: int, seconds: float
    ) -> None:
        """Count one request; *route* is the template of its path."""
        self._counter(method, route, status).inc()
        self._histogram(method, route).observe(seconds)
