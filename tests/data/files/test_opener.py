"""Proxies are taken from the environment as curl and requests take them."""

import gzip
import hashlib
import urllib.request

import pytest

from npae.data import fetch_mnist
from tests.data.files.conftest import NAME

PAYLOAD = b"from the proxy"
CHECKSUMS = {NAME: hashlib.md5(PAYLOAD).hexdigest()}


def answer():
    return [b"HTTP/1.1 200 OK\r\n\r\n", gzip.compress(PAYLOAD)]


@pytest.fixture
def environment(monkeypatch):
    """environment(name=value, …) sets these variables, and no others that are about proxies."""

    def setting(**variables):
        for name in ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    monkeypatch.setattr(urllib.request, "getproxies", urllib.request.getproxies_environment)  # none of the system's
    monkeypatch.setattr(urllib.request, "proxy_bypass", urllib.request.proxy_bypass_environment)
    return setting


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("form", ["http://{}", "{}", "http://{}/", "{}/"])
def test_a_proxy_with_or_without_a_scheme_is_asked(mirror, environment, tmp_path, name, form):
    proxy, requests = mirror(answer)
    environment(**{name: form.format(proxy.removeprefix("http://"))})
    fetch_mnist(tmp_path, mirrors=["http://mirror.invalid/mnist"], checksums=CHECKSUMS)
    assert requests == [(method, f"http://mirror.invalid/mnist/{NAME}") for method in ("HEAD", "GET")]


@pytest.mark.parametrize("form", ["http://{}", "{}"])
def test_a_proxy_is_asked_for_a_tunnel_to_an_encrypted_mirror(mirror, environment, tmp_path, form):
    proxy, requests = mirror(lambda: [b"HTTP/1.1 403 No tunnel\r\n\r\n"])
    environment(https_proxy=form.format(proxy.removeprefix("http://")))
    with pytest.raises(OSError, match="no mirror delivered .*Tunnel connection failed: 403 No tunnel"):
        fetch_mnist(tmp_path, mirrors=["https://mirror.invalid"], checksums=CHECKSUMS)
    assert requests == [("CONNECT", "mirror.invalid:443")] * 2


@pytest.mark.parametrize("no_proxy, direct", [
    ("127.0.0.1", True), ("*", True), ("a.invalid, 127.0.0.1", True), ("127.0.0.0/8", True), ("10.0.0.0/8", False),
    ("10.0.0.0/8, 127.0.0.0/24", True), ("127.0.0.1/99", False), ("nonsense/8", False), ("", False),
    ("mirror.invalid", False),
])  # fmt: skip
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_hosts_and_networks_of_no_proxy_are_asked_themselves(mirror, environment, tmp_path, no_proxy, direct, name):
    proxy, through = mirror(answer)
    address, asked = mirror(answer)
    environment(http_proxy=proxy, **{name: no_proxy})
    fetch_mnist(tmp_path, mirrors=[address], checksums=CHECKSUMS)
    assert (len(asked), len(through)) == ((2, 0) if direct else (0, 2))


@pytest.mark.parametrize("proxy", ["127.0.0.1:abc", "http://[::1", "socks5://127.0.0.1:1", "127.0.0.1:1", "://", "@"])
def test_a_wrong_proxy_is_a_reason_and_not_another_error(environment, tmp_path, proxy):
    environment(http_proxy=proxy)
    with pytest.raises(OSError, match=f"no mirror delivered {NAME} "):
        fetch_mnist(tmp_path, mirrors=["http://127.0.0.1:1"], checksums=CHECKSUMS)
