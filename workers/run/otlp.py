"""OpenTelemetry's SDK, set up for this service; imported only where traces are on (extra ``otel``)."""

from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

_SECRET_PATHS = ("/v1/studies/", "/v1/observe/", "/study/")
_QUERY, _PATH = "url.query", "url.path"


class _Discreet(SpanProcessor):
    """Takes out of a request's span what is secret: links of studies, and whatever stands in a query."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        known = span.attributes or {}
        if _QUERY in known:
            span.set_attribute(_QUERY, "...")
        path = str(known.get(_PATH, ""))
        for secret in _SECRET_PATHS:
            if path.startswith(secret):
                span.set_attribute(_PATH, f"{secret}...")


def provider_to(endpoint: str, delay_ms: int) -> TracerProvider:
    """Spans in batches to ``endpoint``/v1/traces; what the ``OTEL_*`` variables say of sampling holds."""
    resource = Resource.create({SERVICE_NAME: "limen", SERVICE_VERSION: version("limen")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(_Discreet())
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=delay_ms))
    return provider
