"""Page of the scene in the offline viewer of vtk.js.

PyVista's own ``export_html`` (0.49) makes the same page, but starts a trame server for it, which patches asyncio and
asks a server on the network for a download; here the same serializer is called without either.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

from ..base.errors import MissingPart
from .run_fields import INSTALL

if TYPE_CHECKING:
    import pyvista as pv


_ICON = "https://kitware.github.io/vtk-js/icon/favicon-"
"""The viewer's page asks for its icons there; a report asks no address for anything."""
_START = "OfflineLocalView.load(container, { base64Str });"
_START_WHEN_SEEN = (
    "const start = () => container.clientWidth && container.clientHeight"
    " ? OfflineLocalView.load(container, { base64Str }) : requestAnimationFrame(start); start();"
)
"""A frame that has no size yet, as one below the fold, cannot be drawn into."""


def build_offline_page(plotter: pv.Plotter) -> str:
    """The offline viewer of vtk.js with the scene in it; no server is started, no address is asked."""
    try:
        from trame_vtk.modules.vtk import serializers
        from trame_vtk.tools.vtksz2html import write_html as write_viewer
    except ImportError as error:
        raise MissingPart(f"the scene's page needs trame-vtk ({error}): {INSTALL}") from None
    serializers.initialize_serializers()
    context = serializers.SynchronizationContext()
    context.set_ignore_last_dependencies(True)
    window, camera = plotter.render_window, plotter.camera
    tree = serializers.serialize(None, window, serializers.reference_id(window), context, 1)
    tree["extra"] = {
        "vtkRefId": serializers.reference_id(window),
        "camera": serializers.reference_id(camera),
        "centerOfRotation": camera.focal_point,
    }
    hashes = {
        entry["hash"]: entry | {"content": context.get_cached_data_array(entry["hash"], False)}
        for entry in serializers.extract_array_hash(tree)
    }
    packed, page = io.BytesIO(), io.StringIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.json", json.dumps({"hashes": hashes, "scene": tree}))
    write_viewer(packed.getvalue(), page)
    return page.getvalue().replace(_ICON, "data:,").replace(_START, _START_WHEN_SEEN)
