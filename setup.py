"""Puts the project's own profiles into the built package; everything else stands in pyproject.toml."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROFILES = Path(__file__).parent / "profiles"


class BuildWithProfiles(build_py):
    """Copies `profiles/` to `fhirserver/profiles`, where settings.py looks when there is no checkout around it."""

    def run(self) -> None:
        """Build the modules, then copy the definitions; an editable install reads them where they are."""
        super().run()
        if not self.editable_mode:
            self.copy_tree(str(PROFILES), str(Path(self.build_lib) / "fhirserver" / "profiles"))


setup(cmdclass={"build_py": BuildWithProfiles})
