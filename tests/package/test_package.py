# SPDX-License-Identifier: MIT
"""What the build installs and packs: where GDAL looks, with what it needs, and it reads the sample there.

    MLY_BUILD_DIR=build/plain /usr/bin/python3 -m pytest tests/package

Nothing of the system is changed: roots and prefixes are folders, and what must lie in GDAL's own folder is mounted
there for one process alone.
"""
from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Dict, List, Set

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "ogr_MAPILLARY.so"
PACKAGE = "libgdal-mapillary"
SAMPLE = ROOT / "data" / "sample"
TRUTH: Dict[str, int] = json.loads((SAMPLE / "truth.json").read_text())["layers"]
TOWN = ("-spat", "8.515", "49.9965", "8.6119", "50.0437")

if "MLY_BUILD_DIR" not in os.environ:
    pytest.exit(f"MLY_BUILD_DIR must name the folder that holds {PLUGIN}", returncode=2)
BUILD = Path(os.environ["MLY_BUILD_DIR"]).resolve()
CMAKE = os.environ.get("MLY_CMAKE", "cmake")
CPACK = os.environ.get("MLY_CPACK", "cpack")

def clean_environment() -> Dict[str, str]:
    """Nothing in it says where the plugin is, or what it should do."""
    unwanted = re.compile(r"MAPILLARY_|MLY_|GDAL_|OGR_|CPL_|DESTDIR$|LD_PRELOAD$")
    return {**{name: value for name, value in os.environ.items() if not unwanted.match(name)}, "LC_ALL": "C.UTF-8"}


def call(*command: object, cwd: Path, **env: str) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, env={**clean_environment(), **env},
                          stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def said_by(*command: object) -> str:
    """What a program prints; nothing when it fails or is not there."""
    try:
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True,
                              encoding="utf-8")
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def reads_the_sample(folder: Path, *prefix: object, **env: str) -> None:
    """The main job, by each listed layer: as many rows as the town has."""
    assert "MAPILLARY" in call(*prefix, "ogrinfo", "--formats", cwd=folder, **env)
    out = folder / "town.gpkg"
    call(*prefix, "ogr2ogr", out, "MAPILLARY:", *TOWN, cwd=folder, MAPILLARY_TILES_URL=f"file://{SAMPLE}", **env)
    for layer in ("images", "sequences", "map_features", "traffic_signs"):
        said = call("ogrinfo", "-ro", "-so", out, layer, cwd=folder)
        assert f"Feature Count: {TRUTH[layer]}\n" in said, layer


def files_below(folder: Path) -> Set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()}


def lies_well(folder: Path) -> Path:
    """What is installed below a prefix: the plugin and its documents, and nothing else. Gives the plugin's folder."""
    files = files_below(folder)
    (plugin,) = [path for path in files if path.name == PLUGIN]
    documents = Path("share/doc") / PACKAGE
    assert plugin.parent.name == "gdalplugins"
    assert files - {plugin} == {documents / name for name in ("copyright", "driver.md", "CHANGELOG.md")}
    assert (folder / documents / "copyright").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (folder / documents / "driver.md").read_bytes() == (ROOT / "ogr_mapillary" / "driver.md").read_bytes()
    return folder / plugin.parent


def gdal_library() -> Path:
    """The GDAL that the plugin is linked with."""
    found = re.search(r"libgdal\.so\.\S+ => (\S+)", call("ldd", BUILD / PLUGIN, cwd=BUILD))
    assert found
    return Path(found[1])


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what cpack makes."""
    folder = tmp_path_factory.mktemp("packages")
    call(CPACK, "--config", BUILD / "CPackConfig.cmake", "-B", folder, cwd=folder)
    return folder


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


@pytest.fixture(scope="module")
def deb(packages: Path) -> Path:
    if not list(packages.glob("*.deb")):
        pytest.skip("no .deb is made here: the tools are not installed, or this GDAL comes from no package")
    return only(packages, "*.deb")


@pytest.fixture
def unpacked(deb: Path, tmp_path: Path) -> Path:
    """The package in a root of its own."""
    call("dpkg-deb", "-x", deb, tmp_path / "root", cwd=tmp_path)
    return tmp_path / "root"


def test_installing_puts_the_plugin_where_this_gdal_looks(tmp_path):
    call(CMAKE, "--install", BUILD, cwd=tmp_path, DESTDIR=str(tmp_path / "root"))

    (plugin,) = (tmp_path / "root").rglob(PLUGIN)
    looked_at = "/" + str(plugin.parent.relative_to(tmp_path / "root"))
    assert f"\0{looked_at}\0".encode() in gdal_library().read_bytes(), f"GDAL does not look into {looked_at}"


def test_the_system_s_own_gdal_gets_a_package(packages):
    has_tools = "MLY_SHLIBDEPS:FILEPATH=/" in (BUILD / "CMakeCache.txt").read_text()
    is_system_s = bool(said_by("dpkg", "-S", gdal_library().resolve()))

    assert bool(list(packages.glob("*.deb"))) == (has_tools and is_system_s)


def test_another_prefix_has_the_same_folders_below_it(tmp_path):
    call(CMAKE, "--install", BUILD, "--prefix", tmp_path / "prefix", cwd=tmp_path)

    plugins = lies_well(tmp_path / "prefix")
    reads_the_sample(tmp_path, GDAL_DRIVER_PATH=str(plugins))


def test_the_archive_reads_wherever_it_is_unpacked(packages, tmp_path):
    archive = only(packages, "*.tar.gz")

    call("tar", "xzf", archive, cwd=tmp_path)

    (top,) = tmp_path.iterdir()
    assert top.name == archive.name[:-len(".tar.gz")]
    assert re.fullmatch(rf"{PACKAGE}-\d+\.\d+\.\d+-gdal\d+\.\d+-Linux-\w+", top.name)
    elsewhere = tmp_path / "else where"
    top.rename(elsewhere)
    reads_the_sample(tmp_path, GDAL_DRIVER_PATH=str(lies_well(elsewhere)))


def test_the_package_holds_the_plugin_and_its_documents(unpacked, tmp_path):
    plugins = lies_well(unpacked / "usr")

    assert all(path.stat().st_mode & 0o777 == 0o644 for path in unpacked.rglob("*") if path.is_file())
    reads_the_sample(tmp_path, GDAL_DRIVER_PATH=str(plugins))


def test_the_package_depends_on_the_libraries_that_the_plugin_needs(deb, unpacked, tmp_path):
    """On the packages that own them, and on certificates, without which no connection is made."""
    (plugin,) = unpacked.rglob(PLUGIN)
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", call("readelf", "-d", plugin, cwd=tmp_path))
    found = dict(re.findall(r"^\s*(\S+) => (/\S+)", call("ldd", plugin, cwd=tmp_path), re.MULTILINE))
    owners = set()
    for name in needed:
        path = found.get(name)
        if path:
            said = [said_by("dpkg", "-S", one) for one in {Path(path), Path(path).resolve(), Path("/usr" + path)}]
            owners |= {line.split(":")[0] for line in said if line}

    depends: List[str] = call("dpkg-deb", "-f", deb, "Depends", cwd=tmp_path).strip().split(", ")

    assert owners == {one.split(" ")[0] for one in depends} - {"ca-certificates"}
    assert "ca-certificates" in depends
    assert any(re.match(r"libgdal\S* \(>= \d", one) for one in depends)


def test_the_package_names_who_answers_for_it(deb, tmp_path):
    named = re.search(r"^MLY_MAINTAINER:STRING=(.+)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE)[1]

    assert call("dpkg-deb", "-f", deb, "Maintainer", cwd=tmp_path).strip() == named


def test_dpkg_installs_the_package_into_a_clean_root(deb, tmp_path):
    """Its database is made for the test and knows no other package."""
    root = tmp_path / "root"
    (root / "var/lib/dpkg/updates").mkdir(parents=True)
    (root / "var/lib/dpkg/info").mkdir()
    (root / "var/lib/dpkg/status").touch()
    (root / "var/lib/dpkg/available").touch()

    call("dpkg", f"--root={root}", "--force-depends", "--force-not-root", "--force-bad-path", "--log=/dev/null",
         "--install", deb, cwd=tmp_path)

    state = call("dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f=${db:Status-Status}", PACKAGE,
                 cwd=tmp_path)
    assert state == "installed"
    reads_the_sample(tmp_path, GDAL_DRIVER_PATH=str(lies_well(root / "usr")))


def test_an_installed_package_is_found_without_any_variable(unpacked, tmp_path):
    """In place of the folder where GDAL looks, this process sees that of the package."""
    (plugin,) = unpacked.rglob(PLUGIN)
    folder = "/" + str(plugin.parent.relative_to(unpacked))
    inside = ("unshare", "--map-root-user", "--mount", "sh", "-c",
              f"mount --bind {plugin.parent} {folder} && exec \"$@\"", "sh")
    if not Path(folder).is_dir() or subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip(f"nothing can be mounted over {folder} here")
    assert "MAPILLARY" not in call("ogrinfo", "--formats", cwd=tmp_path, GDAL_DRIVER_PATH="disable")

    reads_the_sample(tmp_path, *inside)
