"""axe-core in a page: what it finds that shuts somebody out."""

from importlib.resources import files

AXE = (files("axe_core_python") / "axe.min.js").read_text()
"""The script itself, to be run in the page first."""
GRAVE = (
    "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations"
    ".filter(({impact}) => ['serious', 'critical'].includes(impact))"
    ".map(({id, nodes}) => `${id}: ${nodes.map(({html, failureSummary}) => html + failureSummary).join(' | ')}`))"
)
"""Its serious and critical findings, as texts."""
