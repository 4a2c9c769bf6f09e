"""Figures for Prometheus: requests of this process, and the queue as the job store knows it."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from workers.errors import ServiceError
from workers.jobs.statistics import QueueStatistics
from workers.jobs.store import JobStore

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class HttpMetrics:
    """Counters of one application, in a registry of its own."""

    def __init__(self, jobs: JobStore) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_QueueCollector(jobs))
        labels = ("method", "route", "status")
        self._requests = Counter("limen_http_requests", "Requests answered.", labels, registry=self.registry)
        self._seconds = Histogram(
            "limen_http_request_seconds",
            "Time to the end of the reply, waiting included.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._received = Counter("limen_http_received_bytes", "Bytes of request bodies.", registry=self.registry)
        self._sent = Counter("limen_http_sent_bytes", "Bytes of reply bodies.", registry=self.registry)

    def count(self, method: str, route: str, status: int, *, seconds: float, received: int, sent: int) -> None:
        """Add one finished request; ``route`` is the route's pattern, never the client's path."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        self._received.inc(received)
        self._sent.inc(sent)


class _QueueCollector(Collector):
    """Asks the job store when Prometheus asks; while the store is away only ``limen_queue_up 0`` is told."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[Metric]:
        try:
            statistics, workers = self._jobs.statistics(), len(self._jobs.workers())
        except ServiceError:
            yield GaugeMetricFamily("limen_queue_up", "Whether the job store answers.", 0)
            return
        yield GaugeMetricFamily("limen_queue_up", "Whether the job store answers.", 1)
        yield GaugeMetricFamily("limen_workers", "Worker processes seen lately.", workers)
        yield from _queue_metrics(statistics)

    def describe(self) -> Iterator[Metric]:
        """Nothing: asking the store at registration would need it to be there at start."""
        return iter(())


def _queue_metrics(statistics: QueueStatistics) -> Iterator[Metric]:
    yield GaugeMetricFamily("limen_queue_jobs", "Jobs that wait.", statistics.queued)
    yield GaugeMetricFamily("limen_running_jobs", "Jobs that run.", statistics.running)
    yield GaugeMetricFamily("limen_queue_oldest_seconds", "Age of the oldest waiting job.", statistics.oldest_queued_s)
    labels = ("capability", "state")
    ended = CounterMetricFamily("limen_jobs_ended", "Jobs by how they ended.", labels=labels)
    run = CounterMetricFamily("limen_job_run_seconds", "Run time of ended jobs.", labels=labels)
    cpu = CounterMetricFamily("limen_job_cpu_seconds", "Processor time of jobs that succeeded.", labels=labels)
    for family, values in ((ended, statistics.ended), (run, statistics.run_seconds), (cpu, statistics.cpu_seconds)):
        for name, value in values.items():
            family.add_metric(name.split(":"), value)
        yield family
    latency = HistogramMetricFamily("limen_job_latency_seconds", "From the request to the job's end.", labels=labels)
    for name, found in statistics.latency.items():
        buckets = [(str(bound), float(count)) for bound, count in found.within.items()]
        latency.add_metric(name.split(":"), [*buckets, ("+Inf", float(statistics.ended[name]))], found.sum_s)
    yield latency
