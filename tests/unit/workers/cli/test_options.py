"""What the command line offers is what can be asked for."""

import inspect

from models.varjpeg.options import VarJpegOptions
from workers.cli.verbs.varjpeg import VarJpegArguments


def test_the_command_line_has_every_option_of_varjpeg_with_its_default() -> None:
    offered = {name: one.default for name, one in inspect.signature(VarJpegArguments).parameters.items()}
    asked = {name: field.default for name, field in VarJpegOptions.model_fields.items()}
    assert offered == asked | {"protect": None}
