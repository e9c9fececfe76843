"""Opening addresses with urllib: proxies, redirects, and connections that another thread can end.

urllib takes proxies from the environment and the system's settings, and follows at most ten redirects. This file adds:

    all_proxy, and proxies written host:port, as curl and requests take them
    networks in no_proxy, such as 10.0.0.0/8
    the body of a redirect is not read: it could be endless
    every socket is shown to the caller, who may shut it down
"""

import contextlib
import ipaddress
from collections.abc import Callable
from http.client import HTTPConnection, HTTPSConnection
from socket import socket
from typing import Any
from urllib.parse import urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    build_opener,
    getproxies,
)


def opener(watch: Callable[[socket], None]) -> OpenerDirector:
    """An opener of urllib, which reads the settings of proxies anew.

    Args:
        watch: is called with each socket before it is used, and may raise OSError to forbid it.
    """

    def watched(kind):
        def assign(connection, sock):
            connection.__dict__["sock"] = sock
            if sock is not None:
                watch(sock)

        return type(kind.__name__, (kind,), {"sock": property(lambda self: self.__dict__["sock"], assign)})

    class HTTP(HTTPHandler):
        def http_open(self, req):
            return self.do_open(watched(HTTPConnection), req)

    class HTTPS(HTTPSHandler):
        def https_open(self, req):
            return self.do_open(watched(HTTPSConnection), req)

    return build_opener(_Proxies(_proxies()), _Redirects, HTTP, HTTPS)


class _Redirects(HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        fp.close()  # the caller would read all of it; of a closed response it reads nothing
        return new


class _Proxies(ProxyHandler):
    def proxy_open(self, req, proxy, type):
        return None if _in_network(req.host, getproxies().get("no", "")) else super().proxy_open(req, proxy, type)


def _proxies() -> dict[str, str]:
    """{scheme: address of its proxy}."""
    given: dict[str, Any] = getproxies()
    chosen = {scheme: given.get(scheme) or given.get("all") for scheme in ("http", "https", "ftp")}
    return {
        scheme: address if "://" in address else f"http://{address}" for scheme, address in chosen.items() if address
    }


def _in_network(host: str, networks: str) -> bool:
    """Whether `host`, with or without a port, is a number in one of the networks, such as "10.0.0.0/8, 192.168.1.0/24".

    urllib compares the other entries of no_proxy, which are names.
    """
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(urlsplit(f"//{host}").hostname or "")
        for network in networks.split(","):
            with contextlib.suppress(ValueError):
                if address in ipaddress.ip_network(network.strip(), strict=False):
                    return True
    return False
