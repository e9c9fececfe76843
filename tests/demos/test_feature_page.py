"""The page of features: what it holds, that text stays text, and a reader's actions in headless Chromium."""

import base64
import json
import re
import zlib

import numpy as np
import pytest

from demos import feature_page, hidden_states
from demos.feature_page import save
from tests.export.page.conftest import chromium, visit, wait_until  # noqa: F401 (fixtures)
from tests.export.page.networks import embedded

WORDS = ["the", "cat", "##s", "catalogue", "</script><b>&", "{{data}}"]
FEATURES = 40
SUMMARY = "40 features of the hidden states of 120 tokens & more, 8 of them active per token. " * 2


def states():
    """Ten passages of twelve tokens."""
    token = np.random.default_rng(0).integers(0, len(WORDS), 120)
    token[:6] = np.arange(6)  # every word occurs
    return hidden_states.checked("file", np.ones((120, 3)), token, WORDS, np.arange(120) // 12 + 7)


def codes():
    """Feature 0 is active on "cat" alone, 1 on "cat" and "the", 2 never, the others at random."""
    token, rng = states().token, np.random.default_rng(1)
    h = rng.random((120, FEATURES)) * (rng.random((120, FEATURES)) < 0.1)
    cat, the = (WORDS.index(word) for word in ("cat", "the"))
    h[:, 0] = np.where(token == cat, np.linspace(1, 2, 120), 0)
    h[:, 1] = np.where((token == cat) | (token == the), 1.0, 0)
    h[:, 2] = 0
    return h.astype(np.float32)


def text_of(tmp_path, title="Features <of> a model"):
    h = codes()
    path = feature_page.save_features(
        tmp_path / "features.html", [h[:50], h[50:]], states(), states().held_out(), title, SUMMARY
    )
    return path.read_text(encoding="utf-8")


def decoded(text):
    """(about, arrays) of a page."""
    about, data = json.loads(embedded(text, "about")), zlib.decompress(base64.b64decode(embedded(text, "data")))
    types = {"Uint8Array": "u1", "Uint16Array": "<u2", "Float32Array": "<f4"}
    return about, {
        name: np.frombuffer(data, types[entry["type"]], entry["length"], entry["start"])
        for name, entry in about["arrays"].items()
    }


def test_the_codes_come_back(tmp_path):
    about, arrays = decoded(text_of(tmp_path))
    h, token = codes(), states().token
    assert about["features"] == FEATURES and about["words"] == [" the", " cat", "s", " catalogue", f" {WORDS[4]}",
                                                               " {{data}}"]  # fmt: skip
    rows = np.repeat(np.arange(120), arrays["count"])
    found = np.zeros_like(h)
    found[rows, arrays["feature"]] = arrays["strength"] / 255 * arrays["largest"][arrays["feature"]]
    assert np.array_equal(found > 0, h > 0)
    assert (np.abs(found - h) <= h.max(axis=0) / 255 * 1.001).all()
    assert np.array_equal(arrays["token"], token) and arrays["passage"].tolist() == (np.arange(120) // 12).tolist()
    assert np.array_equal(arrays["held"], states().held_out())


def test_codes_of_too_few_tokens_are_refused(tmp_path):
    with pytest.raises(ValueError, match="expected the codes of all 120 tokens, got those of 50"):
        feature_page.save_features(tmp_path / "a.html", [codes()[:50]], states(), states().held_out(), "", "")
    assert not list(tmp_path.iterdir())


def test_nothing_is_outside_of_the_file_and_text_is_escaped(tmp_path):
    text = text_of(tmp_path, "</title><b>")
    assert "<title>&lt;/title&gt;&lt;b&gt;</title>" in text
    assert text.count("<script") == text.count("</script>") == 3
    scripts = text.replace(embedded(text, "data"), "").replace("http://www.w3.org/2000/svg", "")  # a name
    assert not re.search(r"\w+://|//\w", scripts)
    calls = r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|import|eval|Function)\s*\("
    assert not re.search(calls, scripts)
    assert "innerHTML" not in text and "insertAdjacentHTML" not in text and "document.write" not in text
    assert "default-src 'none'" in text and not re.search(r"\bsrc=|@import|url\(", scripts)


def test_every_file_of_the_folder_is_used_and_small():
    folder = save.files("demos.feature_page")
    names = {file.name for file in folder.iterdir() if file.name != "__pycache__"}
    assert names == {"__init__.py", "save.py", "page.html", "style.css"} | {f"{name}.js" for name in save.SCRIPTS}
    assert all(len((folder / name).read_text(encoding="utf-8").splitlines()) <= 200 for name in names)


def titles(page):
    return page.locator("article h2").all_inner_texts()


def search(page, text):
    page.fill("#query", text)
    page.press("#query", "Enter")


@pytest.fixture
def page(tmp_path, visit):  # noqa: F811
    (tmp_path / "a").mkdir()
    return visit(text_of(tmp_path / "a"), 380, 800)


def test_features_are_searched_by_their_tokens(page):
    assert "39 of 40 features (never active: 1)" in page.inner_text("#found")
    search(page, "cat")  # the whole word: not the catalogue
    found = titles(page)
    assert found[:2] == ["Feature 0", "Feature 1"] and "Feature 2" not in found
    share = page.locator("article .numbers >> nth=0").inner_text()
    assert share.endswith(f"up to {codes()[:, 0].max():.2f}, match 1.00")  # active on all of them and on nothing else
    assert page.locator("article .pieces >> nth=0").inner_text() == "cat 100 %"
    search(page, "#5")
    assert titles(page) == ["Feature 5"]
    search(page, "zebra")
    assert titles(page) == [] and page.inner_text("#found").startswith("0 of 40")


def test_orders_and_contexts(page):
    page.select_option("#sort", "frequent")
    h = codes()
    most = np.argsort(-(h > 0).sum(axis=0), kind="stable")[:3]
    assert titles(page)[:3] == [f"Feature {j}" for j in most]
    search(page, "#0")
    weights = page.locator("article .context mark[style*='font-weight']")
    assert set(weights.all_inner_texts()) == {"cat"}
    first = page.locator("article .context >> nth=0").locator("mark[style*='font-weight']").get_attribute("title")
    assert float(first) == pytest.approx(h[:, 0].max(), abs=0.01)
    page.select_option("#passages", "held")
    held = states().held_out()
    assert page.locator("article .context").count() == min(6, int((h[held, 0] > 0).sum()))
    assert page.locator("article .origin").count() == page.locator("article .context").count()


def test_the_histogram_counts_every_activation(page):
    search(page, "#0")
    bars = page.locator("article svg rect")
    heights = np.array([float(bars.nth(k).get_attribute("height")) for k in range(bars.count())])
    h = codes()[:, 0]
    strength = np.ceil(255 * h[h > 0] / h.max())
    counts = np.bincount(np.minimum(19, strength * 20 // 256).astype(int), minlength=20)
    np.testing.assert_allclose(heights, 44 * counts / counts.max())


def test_a_token_shows_its_features_and_a_feature_is_found_from_there(page):
    search(page, "#1")
    page.click("article .context >> nth=0")
    assert page.locator("#tokens button").count() == 12
    chosen = page.locator("#tokens [aria-pressed=true]").inner_text()
    assert chosen in ("cat", "the")
    place = int(page.evaluate("index.features[1].at[0]"))
    expected = np.flatnonzero(codes()[place] > 0)
    numbers = [int(text[1:]) for text in page.locator("#active .which").all_inner_texts()]
    assert sorted(numbers) == expected.tolist()
    assert f"{len(expected)} features of “{chosen}”" == page.inner_text("#active-title")
    page.click("#active button >> nth=0")
    assert titles(page) == [f"Feature {numbers[0]}"] and not page.locator("#passage").is_visible()


@pytest.mark.parametrize("width, scheme", [(380, "dark"), (1400, "light")])
def test_both_widths_and_themes(width, scheme, tmp_path, visit):  # noqa: F811
    (tmp_path / "a").mkdir()
    page = visit(text_of(tmp_path / "a"), width, 800, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    assert page.get_attribute("#theme", "aria-pressed") == str(scheme == "dark").lower()
    page.click("#theme")
    wait_until(page, f"{ground} !== '{before}'")
    page.click("article .context >> nth=0")
    assert page.evaluate("document.querySelector('dialog').scrollWidth") <= width
