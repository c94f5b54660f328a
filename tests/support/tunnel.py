# SPDX-License-Identifier: MIT
"""A proxy on loopback behind which every https: host is one and the same machine: a Service.

    with Tunnel(service, folder) as tunnel:
        read(tunnel.address, proxy=tunnel.url, ca_bundle=tunnel.certificate)

Clients believe to talk to a host far away, by TLS; nothing leaves this machine. The host's name is the service's own.
"""
from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any, List

from service import Service


def make_certificate(folder: Path, host: str) -> Path:
    """A certificate for the host, that it has signed itself, with its key in the same file."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    both = folder / f"{host}.pem"
    both.write_text(key.read_text() + certificate.read_text())
    return both


class Tunnel:
    """Listens on a free port of 127.0.0.1 until closed. `hosts` are those that were asked for."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._port = int(service.url.rpartition(":")[2])
        self.host = f"tiles-{self._port}.example"
        self.address = f"https://{self.host}"
        self.certificate = make_certificate(folder, self.host)
        self.hosts: List[str] = []
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(self.certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Tunnel":
        return self

    def __exit__(self, *exception: Any) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536)
                method, host, _ = head.decode("latin-1").split(" ", 2)
                assert method == "CONNECT", head
                self.hosts.append(host)
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with self._tls.wrap_socket(connection, server_side=True) as client:
                    self._carry(client)
        except OSError:
            pass  # the client left, or did not trust us

    def _carry(self, client: ssl.SSLSocket) -> None:
        """Requests one way and answers the other, one after another, until either side ends."""
        with socket.create_connection(("127.0.0.1", self._port)) as service:
            back = threading.Thread(target=_copy, args=(service, client), daemon=True)
            back.start()
            _copy(client, service)
            service.shutdown(socket.SHUT_RDWR)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
    except OSError:
        pass
