"""The file: one HTML page below 1 MB, without a library, an address or a request."""

import base64
import configparser
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from npae import Autoencoder, dense_autoencoder
from npae.export import save_page
from npae.export.page import save
from npae.models import conv_decoder, conv_encoder
from tests.export.page.networks import embedded, networks, samples, text_of

ROOT = Path(__file__).resolve().parents[3]
BROWSER = save.files("npae.export.page") / "browser"


def test_the_path_comes_back_with_a_suffix(tmp_path):
    model = networks()["dense"]
    path = save_page(tmp_path / "new" / "digits", model, samples(model), image_shape=(6, 4))
    assert path == tmp_path / "new" / "digits.html"
    assert path.read_bytes() == save.page(model, samples(model), None, None, (6, 4)).encode()
    assert "<title>Autoencoder</title>" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(networks()))
def test_nothing_is_outside_of_the_file(name):
    text = text_of(networks()[name])
    text = text.replace(embedded(text, "data"), "")  # base64 has slashes
    assert not re.search(r"\w+://|//\w", text)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|import|eval|Function)\s*\(", text)
    assert "default-src 'none'" in text and not re.search(r"\bsrc=|@import|url\(", text)
    assert re.findall(r'<link[^>]*href="([^"]*)"', text) == ["data:,"]
    assert "{{" not in text.replace("{{}}", "")


def test_it_is_well_formed_and_every_control_has_a_name():
    stack, labels, bare, ids = [], 0, [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            nonlocal labels
            attrs = dict(attrs)
            ids.extend([attrs["id"]] if "id" in attrs else [])
            if tag in ("canvas", "input", "section") and not (
                {"aria-label", "aria-labelledby"} & attrs.keys() or "label" in stack
            ):
                bare.append((tag, attrs))
            if tag not in ("meta", "link", "input"):
                stack.append(tag)

        def handle_endtag(self, tag):
            assert stack.pop() == tag

    text = text_of(networks()["dense"])
    Reader().feed(text)
    assert stack == [] and bare == [] and len(set(ids)) == len(ids)
    for name in re.findall(r'aria-(?:labelledby|describedby)="([^"]*)"', text):
        assert set(name.split()) <= set(ids)


def test_the_arrays_come_back():
    arrays = {"W0": np.array([[1, -2]], np.int8), "b0": np.array([0.5, 2], np.float32), "images": np.ones(3, np.uint8)}
    entries, text = save.pack(arrays)
    data = zlib.decompress(base64.b64decode(text))
    for name, entry in entries.items():
        dtype = {"Int8Array": "i1", "Uint8Array": "u1", "Float32Array": "<f4"}[entry["type"]]
        found = np.frombuffer(data, dtype, entry["length"], entry["start"])
        assert (found == arrays[name].ravel()).all()


def test_text_of_the_caller_cannot_end_an_element():
    words = '</title></script><b>"&{{data}}'
    labels = ["</script>", "{{data}}"] * 20
    text = text_of(networks()["dense"], title=words, labels=labels)
    assert "&lt;/script&gt;&lt;b&gt;" in text and "<b>\"" not in text
    assert text.count("<script") == text.count("</script>") == text_of(networks()["dense"]).count("<script")
    about = json.loads(embedded(text, "about"))
    assert about["title"] == words and set(about["classes"]) == set(labels)


def test_every_file_of_the_browser_folder_is_used_and_small():
    names = {file.name for file in BROWSER.iterdir()}
    assert names == {"page.html", "style.css"} | {f"{name}.js" for name in save.SCRIPTS}
    assert all(len(file.read_text(encoding="utf-8").splitlines()) <= 200 for file in BROWSER.iterdir())


def test_labels_are_not_html():
    scripts = "".join(file.read_text(encoding="utf-8") for file in BROWSER.iterdir())
    assert re.findall(r"innerHTML = (.*);", scripts) == [
        '`<i>${letter}${subscript(j + 1)}</i><input type="range" step="any"><output></output>`'
    ]


def test_a_page_above_one_megabyte_is_refused(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (1000, 784), np.uint8)
    with pytest.raises(ValueError, match=r"below 1,000,000 bytes, got 1,\d+,\d+, .* 3,136 weights and 1,000 samples\."):
        save_page(tmp_path / "large", dense_autoencoder([784, 2]), x)
    assert not list(tmp_path.iterdir())


def test_what_is_not_a_model_or_a_path_is_refused(tmp_path):
    x = samples(None)
    with pytest.raises(TypeError, match=r"save_page: expected a model \(a Layer\), got str\. Load it first"):
        save_page(tmp_path / "page", "model.npz", x)
    with pytest.raises(TypeError, match=r"save_page: expected a path, got a Autoencoder\. The path comes first"):
        save_page(dense_autoencoder([24, 2]), tmp_path / "page", x)


def test_labels_in_the_place_of_the_title_are_refused(tmp_path):
    with pytest.raises(TypeError, match="save_page: expected the title as text, got 3"):
        save_page(tmp_path / "page", dense_autoencoder([24, 2]), samples(None), title=3, image_shape=(6, 4))


def test_a_model_without_values_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="has no values yet"):
        save_page(tmp_path / "page", dense_autoencoder([24, 2], seed=None), samples(None), image_shape=(6, 4))


def test_the_distributions_contain_the_browser_folder():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert setup["options.package_data"]["npae.export.page"].split() == ["browser/*"]
    manifest = (ROOT / "MANIFEST.in").read_text(encoding="utf-8")
    line = re.search(r"^recursive-include npae/export/page/browser (.*)$", manifest, re.MULTILINE)
    assert {f"*{Path(file.name).suffix}" for file in BROWSER.iterdir()} == set(line[1].split())


def test_a_convolution_is_refused(tmp_path):
    model = Autoencoder(conv_encoder([4], [2], (1, 8, 8)), conv_decoder(2, [4], (1, 8, 8)))
    with pytest.raises(ValueError, match="save_page: expected a network of dense layers.*got Conv2D"):
        save_page(tmp_path / "page", model, np.zeros((3, 1, 8, 8), np.uint8))
