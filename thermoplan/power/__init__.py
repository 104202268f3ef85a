"""Power in tissue: iron on the mesh, heating basis, eddy currents, FFR size, SLP uncertainty, safety."""
