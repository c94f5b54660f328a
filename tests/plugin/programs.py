# SPDX-License-Identifier: MIT
"""Programs of others that read through GDAL: where they are, and whether they can load the plugin.

Nothing here installs anything. A test whose program is not there is skipped with the reason.
"""
from __future__ import annotations

import glob
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Tuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

not_instrumented = pytest.mark.skipif(
    "LD_PRELOAD" in os.environ, reason="a program of others cannot hold the sanitizers' runtime")


def said_by(*command: object) -> str:
    """What a program prints; nothing when it fails."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8")
    return done.stdout.strip() if done.returncode == 0 else ""


def plugin() -> Path:
    return Path(os.environ["GDAL_DRIVER_PATH"]) / "ogr_MAPILLARY.so"


def gdal_of(library: object) -> List[str]:
    """The GDAL that a library is linked with. Only where it is the plugin's, the plugin loads."""
    return re.findall(r"libgdal\.so\.\S+ => (\S+)", said_by("ldd", library))


# ---- Python -----------------------------------------------------------------------------------


def need_python(module: str, package: str) -> None:
    """Skips where this Python lacks a module, or the one it has carries a GDAL of its own."""
    folder = said_by(sys.executable, "-c", f"import {module}, os; print(os.path.dirname({module}.__file__))")
    if not folder:
        pytest.skip(f"{package} is not installed")
    libraries = sorted(Path(folder).glob("*.so"))
    if libraries and not any(gdal_of(library) == gdal_of(plugin()) for library in libraries):
        pytest.skip(f"{package} reads with another GDAL")


def values_of(done: Any) -> Any:
    """The last line that a program printed, as JSON; it must have succeeded."""
    assert done.code == 0, done.text
    return json.loads(done.out.splitlines()[-1])


# ---- R ----------------------------------------------------------------------------------------


def need_r() -> str:
    """Rscript, with sf and our GDAL."""
    program = shutil.which("Rscript")
    if not program:
        pytest.skip("R is not installed")
    library = said_by(program, "--vanilla", "-e", 'cat(system.file("libs", "sf.so", package = "sf"))')
    if not library:
        pytest.skip("R is installed without sf")
    if gdal_of(library) != gdal_of(plugin()):
        pytest.skip("R reads with another GDAL")
    return program


# ---- PostgreSQL -------------------------------------------------------------------------------


def need_postgres() -> Path:
    """The folder with the programs of a PostgreSQL that has both extensions, and our GDAL."""
    for folder in sorted(map(Path, glob.glob("/usr/lib/postgresql/*")), reverse=True):
        extensions = Path("/usr/share/postgresql") / folder.name / "extension"
        if not all((extensions / f"{name}.control").exists() for name in ("postgis", "ogr_fdw")):
            continue
        if gdal_of(folder / "lib" / "ogr_fdw.so") == gdal_of(plugin()):
            return folder / "bin"
    pytest.skip("there is no PostgreSQL with PostGIS and ogr_fdw for this GDAL")


@contextmanager
def postgres(env: Mapping[str, str], token: str) -> Iterator[Tuple[Dict[str, str], Path]]:
    """A server of our own, with an empty database `street`. Gives what makes programs find it, and
    a file with the token that only its account can read. It does not run as root, so neither do
    its files lie in a folder of the tests."""
    programs = need_postgres()
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="mapillary-postgres-"))
    shutil.copy(plugin(), folder)
    token_file = folder / "token"
    token_file.touch(0o600)
    token_file.write_text(token + "\n")
    if account:
        for path in (folder, *folder.iterdir()):
            os.chown(path, account.pw_uid, account.pw_gid)
    folder.chmod(0o755)
    variables = {**os.environ, **env, "GDAL_DRIVER_PATH": str(folder), "HOME": str(folder)}
    variables.pop("MAPILLARY_ACCESS_TOKEN", None)

    def call(program: str, *words: str) -> None:
        done = subprocess.run([str(programs / program), *words], env=variables, cwd=folder,
                              user=account and account.pw_uid, group=account and account.pw_gid,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout.decode(errors="replace")

    try:
        call("initdb", "-D", "data", "-U", "street", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        call("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", f"-F -k {folder} -c listen_addresses=", "start")
        try:
            call("createdb", "-h", str(folder), "-U", "street", "street")
            yield {"PGHOST": str(folder), "PGUSER": "street", "PGDATABASE": "street"}, token_file
        finally:
            call("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
