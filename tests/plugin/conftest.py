# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: the built plugin in a clean environment, a town, its service.

    MLY_PLUGIN_DIR=build/plain /usr/bin/python3 -m pytest tests/plugin

ctest sets MLY_PLUGIN_DIR, the folder that holds ogr_MAPILLARY.so. The environment is made clean
before GDAL is imported: it looks for plugins, and reads its configuration, only once.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Set, Tuple
from urllib.parse import quote

import pytest

SUPPORT = Path(__file__).resolve().parent.parent / "support"
PLUGIN = "ogr_MAPILLARY.so"

# What in the caller's environment would change how the driver behaves.
UNWANTED = re.compile(
    r"MAPILLARY_|GDAL_HTTP_|GDAL_CONFIG_FILE$|GDAL_SKIP$|OGR_|CPL_|VSI_|CURL_CA_|SSL_CERT_"
    r"|(HTTPS?|ALL|NO|FTP)_PROXY$", re.IGNORECASE)

# Signs in an output that memory or arithmetic went wrong, whatever the exit status says.
SANITIZER = re.compile(r"(Address|Leak|UndefinedBehavior)Sanitizer|runtime error:")


def _clean_environment() -> str:
    """Makes this process, and all it starts, see the plugin and nothing of its user. Gives the
    folder that stands for the user's home."""
    folder = Path(os.environ.get("MLY_PLUGIN_DIR", "")).resolve()
    if "MLY_PLUGIN_DIR" not in os.environ or not (folder / PLUGIN).is_file():
        pytest.exit(f"MLY_PLUGIN_DIR must name the folder that holds {PLUGIN}", returncode=2)
    for name in [name for name in os.environ if UNWANTED.match(name)]:
        del os.environ[name]
    home = tempfile.mkdtemp(prefix="mapillary-tests-")
    os.environ.update(
        GDAL_DRIVER_PATH=str(folder),
        GDAL_HTTP_RETRY_DELAY="0.01",
        # Each test says which requests it expects; those about the cache turn it on.
        MAPILLARY_CACHE="NO",
        HOME=home,
        XDG_CACHE_HOME=os.path.join(home, "cache"),
        XDG_CONFIG_HOME=os.path.join(home, "config"),
        LC_ALL="C.UTF-8",
        TZ="UTC",
        PYTHONWARNINGS="ignore::FutureWarning",  # of newer bindings, about exceptions in GDAL 4
    )
    return home


HOME = _clean_environment()
sys.path.insert(0, str(SUPPORT))

pytest.register_assert_rewrite("block", "features", "pieces", "programs", "reading")

from osgeo import gdal  # noqa: E402  (the environment comes first)

from block import TILES, body_of  # noqa: E402
from reading import Images, Truth  # noqa: E402
from service import Service  # noqa: E402
from town import Town  # noqa: E402


def pytest_sessionstart() -> None:
    """Without the driver every test would fail, each in its own misleading way."""
    if gdal.GetDriverByName("MAPILLARY") is None:
        pytest.exit(f"GDAL {gdal.__version__} does not load {os.environ['GDAL_DRIVER_PATH']}/{PLUGIN}",
                    returncode=2)


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


def secrets(token: str) -> Tuple[str, ...]:
    """All that must never be seen of a token: itself, as an address spells it, and its secret part."""
    return token, quote(token, safe=""), quote(token, safe="").lower(), token.rpartition("|")[2]


_addresses: Set[str] = set()


def serve(*arguments: Any, **more: Any) -> Service:
    """A service at an address that none had before in this process: the driver may remember what an
    address once said."""
    while True:
        service = Service(*arguments, **more)
        if service.url not in _addresses:
            _addresses.add(service.url)
            return service
        service.close()


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has a home, and so a cache, of its own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    return folder


@pytest.fixture(scope="session")
def town() -> Town:
    return Town()


@pytest.fixture(scope="session")
def tiles(town: Town) -> Mapping[Tuple[str, int, int, int], bytes]:
    """The town's tiles, made once."""
    return town.tiles()


@pytest.fixture(scope="session")
def truth(town: Town, tiles: Mapping[Tuple[str, int, int, int], bytes]) -> Truth:
    """What the driver must find in the town."""
    return Truth(town, tiles)


@pytest.fixture
def service(town: Town, tiles: Mapping[Tuple[str, int, int, int], bytes]) -> Iterator[Service]:
    """The town's service, on a port of its own. Nothing may ask it what no client should."""
    with serve(tiles, town=town) as running:
        yield running
        assert [request.flaw for request in list(running.requests) if request.flaw] == []


@pytest.fixture
def block(service: Service) -> Service:
    """The service of a block of tiles (block.py), which does not spend its time on compressing."""
    service.tiles = {tile: body_of(tile) for tile in TILES}
    service.gzip = False
    return service


@pytest.fixture
def environment(service: Service) -> Dict[str, str]:
    """What makes the driver read the service with its token, as a user would set it."""
    return {
        "MAPILLARY_ACCESS_TOKEN": service.token,
        "MAPILLARY_TILES_URL": service.url,
        "MAPILLARY_GRAPH_URL": service.url,
    }


@pytest.fixture
def configured(environment: Dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for this process: for tests that call GDAL from Python."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def images(configured: None) -> Iterator[Callable[..., Images]]:
    """Opens the layer of images in this process, until the test ends: images(MAX_TILES=5)."""
    opened: List[Images] = []

    def call(name: str = "MAPILLARY:", **options: object) -> Images:
        opened.append(Images(name, **options))
        return opened[-1]

    yield call
    for one in opened:
        one.close()


@pytest.fixture
def run(service: Service, environment: Dict[str, str], tmp_path: Path) -> Callable[..., Finished]:
    """Runs a program that reads the service: run("ogrinfo", "MAPILLARY:", "images").

    `env` is laid over its environment, where None removes a name. Whatever the test is about, the
    program must end by itself, and not in a crash, and no output may show the token.
    """

    def call(*command: object, env: Optional[Mapping[str, Optional[str]]] = None,
             timeout: float = 120, cwd: Optional[Path] = None) -> Finished:
        variables = {**os.environ, **environment, **(env or {})}
        done = subprocess.run(
            [str(word) for word in command], cwd=cwd or tmp_path, timeout=timeout,
            env={name: value for name, value in variables.items() if value is not None},
            stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
        finished = Finished(done.returncode, done.stdout, done.stderr)
        assert finished.code >= 0, f"ended by signal {-finished.code}: {finished.err}"
        assert not SANITIZER.search(finished.text), finished.err
        for secret in secrets(service.token):
            # not a comparison of texts: pytest would print them
            shown = secret in finished.text
            assert not shown, f"the token is in the output of {command[0]}"
        return finished

    return call
