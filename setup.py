"""Map protocols/ and the outputs of meshes/ into the wheel, so that the repository holds one copy."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
STARTER = "thermoplan/data/starter"
SOURCES = (
    "protocols/*.toml",
    "protocols/*.csv",
    "meshes/*.nii.gz",
    "meshes/*.mdf",
    "meshes/*.csv",
    "notebooks/*.ipynb",
    "notebooks/data/*/*",
)


class BuildWithStarter(build_py):
    """An editable install reads the checkout itself, so only a real build copies."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        for source in self._starter():
            target = Path(self.build_lib, STARTER, source.relative_to(HERE))
            target.parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(str(source), str(target), preserve_mode=False)

    def get_source_files(self):
        return [*super().get_source_files(), *(str(path.relative_to(HERE)) for path in self._starter())]

    def _starter(self):
        return sorted(path for pattern in SOURCES for path in HERE.glob(pattern))


setup(cmdclass={"build_py": BuildWithStarter})
