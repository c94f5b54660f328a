# SPDX-License-Identifier: MIT
"""As on the real way to the service: encrypted, with a certificate to be checked, perhaps through a proxy.

The service on loopback stands behind an end of TLS for `tiles.example.org`, and that behind a proxy that leads every
name there. So nothing of this leaves the machine, though the driver believes that it does.
"""
from __future__ import annotations

import base64
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
from typing import Callable, List, Optional

import pytest

from child import AREA, BEGIN, ENDINGS
from reading import assert_each_once, cover

HOST = "tiles.example.org"
CENTRE = (8.5480, 50.0180, 8.5520, 50.0220)


class Relay:
    """Listens on a free port of 127.0.0.1, and hands each connection to `serve` on a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve, self._threads = serve, []  # type: ignore[var-annotated]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, connection: socket.socket) -> None:
        try:
            self._serve(connection)
        except OSError:
            pass  # whoever was there has left
        finally:
            connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for thread in self._threads:
            thread.join(10)


def join(one: socket.socket, other: socket.socket) -> None:
    """Carries what comes from each to the other, until either ends."""
    ways = {one: other, other: one}
    while True:
        readable, _, _ = select.select(list(ways), [], [], 30)
        for source in readable:
            more = source.recv(65536)
            while isinstance(source, ssl.SSLSocket) and source.pending():
                more += source.recv(65536)
            if not more:
                return
            ways[source].sendall(more)
        if not readable:
            return


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate of its own authority, and its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", path,
                    "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text((path.parent / f"{path.name}.crt").read_text() + path.read_text())
    return path


@pytest.fixture
def tls(service, certificate):
    """The end of TLS before the service; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as safe, \
                connect(int(service.url.rpartition(":")[2])) as to_service:
            join(safe, to_service)

    relay = Relay(serve)
    yield relay.port
    relay.close()


class Proxy:
    """An HTTP proxy that tunnels, and notes who wanted to go where. With `secret` it asks for it."""

    def __init__(self, behind: int) -> None:
        self.asked: List[str] = []
        self.secret: Optional[str] = None
        self._behind = behind
        self._relay = Relay(self._serve)
        self.address = f"127.0.0.1:{self._relay.port}"
        self.close = self._relay.close

    def _serve(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(4096)
            if not more:
                return
            head += more
        method, place, _ = head.split(b"\r\n")[0].decode().split(" ")
        self.asked.append(f"{method} {place}")
        proof = base64.b64encode((self.secret or "").encode())
        if self.secret and b"Proxy-Authorization: Basic " + proof not in head:
            connection.sendall(b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with connect(self._behind) as ahead:
            join(connection, ahead)


@pytest.fixture
def proxy(tls):
    made = Proxy(tls)
    yield made
    made.close()


@pytest.fixture
def read(run, proxy):
    """The ids in the middle of the town, by way of the proxy, or what went wrong."""

    def call(**env: Optional[str]):
        # The first attempt tells all that there is to tell.
        done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-select", "id", "-spat", *CENTRE,
                   env={"MAPILLARY_TILES_URL": f"https://{HOST}", "GDAL_HTTP_MAX_RETRY": "0",
                        "GDAL_HTTP_PROXY": proxy.address, **env})
        return done, [int(word) for word in done.out.replace('"', "").replace(",", "").split()[1:]]

    return call


@pytest.mark.parametrize("name", ["CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_certificate_of_a_trusted_authority_is_taken(read, service, truth, certificate, name):
    done, ids = read(**{name: f"{certificate}.crt"})

    assert done.code == 0, done.err
    assert ids == [row.id for row in truth.within(CENTRE)]
    assert_each_once(service.requests, cover(CENTRE))


@pytest.mark.parametrize("name", ["GDAL_HTTP_CAPATH", "SSL_CERT_DIR"])
def test_a_folder_may_hold_the_certificates(read, truth, certificate, tmp_path, name):
    crt = f"{certificate}.crt"
    known_by = subprocess.run(["openssl", "x509", "-noout", "-hash", "-in", crt], check=True, capture_output=True)
    os.symlink(crt, tmp_path / f"{known_by.stdout.decode().strip()}.0")

    done, ids = read(**{name: str(tmp_path)})

    assert done.code == 0, done.err
    assert ids == [row.id for row in truth.within(CENTRE)]


def test_a_certificate_of_nobody_known_is_refused_before_the_token_is_sent(read, service, proxy):
    done, ids = read()

    assert done.code != 0 and ids == []
    assert "certificate" in done.err.lower()
    assert service.requests == [] and proxy.asked


def test_a_certificate_for_another_name_is_refused(read, service, certificate):
    done, _ = read(CURL_CA_BUNDLE=f"{certificate}.crt", MAPILLARY_TILES_URL="https://other.example.org")

    assert done.code != 0 and "other.example.org" in done.err
    assert service.requests == []


def test_whoever_wants_no_check_gets_none(read, truth):
    done, ids = read(GDAL_HTTP_UNSAFESSL="YES")

    assert done.code == 0, done.err
    assert ids == [row.id for row in truth.within(CENTRE)]


@pytest.mark.parametrize("name", ["GDAL_HTTP_PROXY", "GDAL_HTTPS_PROXY", "https_proxy"])
def test_the_proxy_is_that_of_gdal_or_of_the_environment(read, proxy, truth, certificate, name):
    done, ids = read(**{"GDAL_HTTP_PROXY": None, name: proxy.address, "CURL_CA_BUNDLE": f"{certificate}.crt"})

    assert done.code == 0, done.err
    assert ids == [row.id for row in truth.within(CENTRE)]
    assert set(proxy.asked) == {f"CONNECT {HOST}:443"}


def test_a_proxy_that_asks_who_is_there_is_told(read, proxy, truth, certificate):
    proxy.secret = "somebody:a secret"

    refused, _ = read(CURL_CA_BUNDLE=f"{certificate}.crt")
    done, ids = read(CURL_CA_BUNDLE=f"{certificate}.crt", GDAL_HTTP_PROXYUSERPWD=proxy.secret)

    assert refused.code != 0 and "407" in refused.err
    assert done.code == 0, done.err
    assert ids == [row.id for row in truth.within(CENTRE)]
    assert "a secret" not in done.text


# ---- In the middle of a read -------------------------------------------------------------------------


@pytest.fixture
def program(run, service, proxy, certificate):
    """A program of child.py that reads over TLS."""
    service.latency = 0.02
    env = {"MAPILLARY_TILES_URL": f"https://{HOST}", "GDAL_HTTP_PROXY": proxy.address,
           "CURL_CA_BUNDLE": f"{certificate}.crt"}
    return lambda text: run(sys.executable, "-c", BEGIN + text, env=env, timeout=100)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_program_may_end_in_the_middle_of_a_read(program, ending):
    done = program(f"""
dataset, layer = opened()
assert layer.GetNextFeature() is not None
{ENDINGS[ending]}
""")

    assert (done.code, done.err) == (0, "")


def test_a_child_does_not_speak_on_the_connections_of_its_parent(program, truth):
    done = program("""
dataset, layer = opened()
first = [layer.GetNextFeature().GetFID()]
def anew():
    layer.ResetReading()
    return rest(layer)
def close():
    global dataset, layer
    layer = dataset = None
    return []
children = [in_child(lambda: rest(layer)), in_child(anew), in_child(close)]
tell(children=children, parent=first + rest(layer), said=said)
""")

    assert done.code == 0, done.err
    told = json.loads(done.out)
    ids = [row.id for row in truth.within(AREA)]
    assert (told["parent"], told["said"]) == (ids, [])
    on, anew, closed = told["children"]
    assert on["status"] == 0 and on["rows"] == ids[1:len(on["rows"]) + 1]
    assert len(on["rows"]) == len(ids) - 1 or "has forked" in on["said"][0]
    assert anew == {"rows": ids, "said": [], "status": 0}
    assert closed == {"rows": [], "said": [], "status": 0}


# ---- Before the first byte --------------------------------------------------------------------


@pytest.mark.parametrize("asked, first, upgrade", [
    (None, "HTTP/1.1", None), ("1.0", "HTTP/1.0", None), ("2", "HTTP/1.1", "h2c"), ("none known", "HTTP/1.1", None)])
def test_the_version_of_http_is_that_of_gdal(run, service, truth, asked, first, upgrade):
    heads: List[List[str]] = []

    def serve(connection: socket.socket) -> None:
        head = connection.recv(65536)
        heads.append(head.decode().split("\r\n"))
        with connect(int(service.url.rpartition(":")[2])) as ahead:
            ahead.sendall(head)
            join(connection, ahead)

    relay = Relay(serve)
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-select", "id", "-spat", *CENTRE,
               env={"MAPILLARY_TILES_URL": f"http://127.0.0.1:{relay.port}", "GDAL_HTTP_VERSION": asked})
    relay.close()

    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 1 + len(truth.within(CENTRE))
    assert {lines[0].rpartition(" ")[2] for lines in heads} == {first}
    assert all((f"Upgrade: {upgrade}" in lines) == bool(upgrade) for lines in heads)


def test_who_does_not_take_the_connection_is_given_up_in_the_time_of_gdal(run):
    """Eleven attempts, each of 0.1 s; the driver's own 10 s would take longer than this test waits."""
    deaf = socket.socket()
    deaf.bind(("127.0.0.1", 0))
    deaf.listen(0)
    waiting = [socket.socket() for _ in range(4)]  # they fill its queue
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(deaf.getsockname())

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-spat", 8.549, 50.019, 8.551, 50.021,
               env={"MAPILLARY_TILES_URL": f"http://127.0.0.1:{deaf.getsockname()[1]}", "GDAL_HTTP_MAX_RETRY": "10",
                    "GDAL_HTTP_RETRY_DELAY": "0", "GDAL_HTTP_CONNECTTIMEOUT": "0.1"}, timeout=90)

    for one in (*waiting, deaf):
        one.close()
    assert done.code != 0
    assert "11 attempts: Timeout was reached" in done.err
