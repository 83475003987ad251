# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask a server of the cluster with a client certificate that lies on the machine."""

from __future__ import annotations

import http.client
import json
import ssl
import typing as t
from dataclasses import dataclass


class UnreachableError(Exception):
    """Nobody answers there, or not in time."""


class UntrustedError(Exception):
    """Who answers is not who the certificates are for."""


@dataclass(frozen=True)
class Answer:
    """The status and the document; none where the body is no JSON."""

    status: int
    document: t.Any
    text: str


@dataclass(frozen=True)
class Identity:
    """Files: whom to trust, and whom to be."""

    ca: str
    certificate: str
    key: str


class Server:
    """One server, spoken to over TLS on both sides."""

    def __init__(self, host: str, port: int, identity: Identity, timeout: float) -> None:
        self.host = host
        self.port = port
        self.timeout = timeout
        try:
            self.context = ssl.create_default_context(cafile=identity.ca)
            self.context.load_cert_chain(identity.certificate, identity.key)
        except (OSError, ssl.SSLError) as error:
            raise UntrustedError(f"cannot use {identity.certificate}: {error}") from error

    def ask(self, path: str, body: t.Any = None) -> Answer:
        connection = http.client.HTTPSConnection(
            self.host, self.port, timeout=self.timeout, context=self.context
        )
        try:
            if body is None:
                connection.request("GET", path)
            else:
                connection.request("POST", path, json.dumps(body))
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except ssl.SSLCertVerificationError as error:
            raise UntrustedError(f"{self.host}:{self.port}: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{self.host}:{self.port}: {error}") from error
        finally:
            connection.close()
        try:
            document = json.loads(text)
        except ValueError:
            document = None
        return Answer(response.status, document, text)
