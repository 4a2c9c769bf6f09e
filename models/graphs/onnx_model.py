"""One ONNX graph, opened; the only import of onnxruntime."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from models.types import Float32Array

# Since 1.29 the official builds report each session to Microsoft unless this is set while the library loads.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

CUDA = "CUDAExecutionProvider"
"""ONNX Runtime's name for an NVIDIA GPU."""


class OnnxModel(Protocol):
    """What the capabilities need of a graph; tests fake this and nothing deeper."""

    name: str
    version: str
    provider: str

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """Named float32 arrays in, named float32 arrays out."""
        ...


class OrtModel:
    """``OnnxModel`` on ONNX Runtime.

    ``arena``: memory is planned for the shapes of a run and given back after it. A graph with large layers takes a
    quarter of the memory then (75 bytes a pixel, not 290) and a tenth less time; one of tiles only keeps memory (672
    MB, not 233).
    """

    def __init__(
        self, path: Path, *, name: str, version: str, threads: int = 1, cuda: bool = False, arena: bool = False
    ) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = arena
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait let others work
        options.log_severity_level = 3
        if cuda:
            ort.preload_dlls()  # CUDA and cuDNN as installed by the extra `gpu`, where the loader does not look
        self._session = ort.InferenceSession(str(path), options, providers=execution_providers(cuda=cuda))
        self._inputs = [value.name for value in self._session.get_inputs()]
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._options = ort.RunOptions()
        if arena:
            self._options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self.name = name
        self.version = version
        self.provider: str = self._session.get_providers()[0]

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """Named float32 arrays in, named float32 arrays out; what the graph does not take is left out."""
        taken = {name: inputs[name] for name in self._inputs}
        return dict(zip(self._outputs, self._session.run(self._outputs, taken, self._options), strict=True))

    def signature(self) -> dict[str, dict[str, list[int | str]]]:
        """Input and output shapes as the graph declares them; a dynamic dimension is its name."""
        return {
            "inputs": {value.name: list(value.shape) for value in self._session.get_inputs()},
            "outputs": {value.name: list(value.shape) for value in self._session.get_outputs()},
        }


def execution_providers(*, cuda: bool) -> list[tuple[str, dict[str, str]]]:
    """Where a graph may run, best first, with options.

    Without TF32, whose products keep ten bits of a factor: with it ``full_reference`` says 62.3 of a pair that the CPU
    calls 91.58, without it 91.58 too, and the JND map of a tile takes 64 ms instead of 56 on an H100.
    """
    on_cpu: list[tuple[str, dict[str, str]]] = [("CPUExecutionProvider", {})]
    return [(CUDA, {"use_tf32": "0"}), *on_cpu] if cuda else on_cpu


def cuda_available() -> bool:
    """Whether this ONNX Runtime was built for CUDA; a session then still tells the provider it really got."""
    return CUDA in ort.get_available_providers()
