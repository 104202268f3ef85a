"""A protocol: who is treated with what, how, and what should come of it.

``read_protocol`` reads the TOML file and everything small that it names; images and meshes stay on disk
until a plan needs them. pydantic loads only when a protocol is read.
"""

from .protocol import (
    AMBIENT_C,
    CORE_C,
    AddedRegion,
    AnatomyInput,
    IronInput,
    MeshInput,
    PerfusionCourse,
    Physiology,
    Probe,
    Protocol,
    Session,
    SteeringInput,
    Surface,
    TissueInput,
)
from .read import protocol_of_text, read_protocol

__all__ = [
    "AMBIENT_C",
    "CORE_C",
    "AddedRegion",
    "AnatomyInput",
    "IronInput",
    "MeshInput",
    "PerfusionCourse",
    "Physiology",
    "Probe",
    "Protocol",
    "Session",
    "SteeringInput",
    "Surface",
    "TissueInput",
    "protocol_of_text",
    "read_protocol",
]
